#!/usr/bin/perl
# What a request costs: the module, beside nginx's own "return 200" and beside the
# same job in Lua, over TLS 1.3.  One worker on one core; wrk and Redis on another.
#
#   bench/bench.pl [FILE]          all of it, about 8 minutes: FILE (by default
#                                  build/bench/results.json), and a table
#   bench/bench.pl quick [FILE]    the first rows, one short round of each
#
# Each server must answer right, and refuse a spoilt signature, another user, an
# old request and another SKM-S, before it is timed; a wrong answer while it is
# voids the row.  Servers of a row take turns, round by round, so that what else
# happens to the machine happens to all; a ratio is one to "return 200" (or what
# else the row names) in the same round.  bench/docs.pl makes pages of FILE.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use Crypt::PK::ECC;
use Crypt::PRNG 'random_bytes';
use Cwd 'abs_path';
use Digest::SHA 'sha256_hex';
use File::Path 'make_path';
use List::Util qw(sum0 max);
use POSIX qw(_exit strftime);
use SealKM::Client;
use SealKM::JSON;
use SealKM::Keys;
use SealKM::Redis;
use SealKM::Sealed;
use SealKM::Util;
use Time::HiRes qw(sleep time);

use constant URI => 'https://skm-s.example/seal-km';

my $top = abs_path("$FindBin::Bin/..");
my $nginx = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';
my $modules = $ENV{BENCH_NGINX_MODULES} || '/usr/lib/nginx/modules';
my $module = abs_path($ENV{SEAL_KM_MODULE}
                      || "$top/build/ngx_http_seal_km_module.so");

my $quick = @ARGV && $ARGV[0] eq 'quick' ? shift @ARGV : '';
my $results = $ARGV[0] // "$top/build/bench/results.json";

my $cpus = `nproc` + 0;
my ($client_cpu, $server_cpu) = (0, $cpus > 1 ? 1 : 0);

# seconds until all is connected, and of one measurement; rounds; tokens
my ($settle, $seconds, $rounds, $tokens) = $quick ? (0.5, 0.5, 1, 500)
                                                  : (0.7, 1.2, 5, 20_000);

my @SIZES = (100, 300, 10_240, 262_144);
my %secret = (bench => random_bytes(32));
my (%servers, %files, $redis);


sub say_now { local $| = 1; print @_; return }


# --- tokens -----------------------------------------------------------------

# a file of so many tokens of about 1 kB, which is kept for a week
sub tokens {
    my ($key, $number) = @_;
    # of that key: where none is kept each run has another one
    my $of = substr sha256_hex(key($key)->export_key_pem('public')), 0, 12;
    my $path = "$top/build/bench/tokens-$key-$number-$of";

    return $files{$path} //= $path if -e $path && -M _ < 7;

    make_path("$top/build/bench");
    my @parts = map { "$path.part$_" } 1 .. 2;
    my @pids;

    for my $part (@parts) {
        defined(my $pid = fork) or die "fork: $!";
        if (!$pid) {
            open my $out, '>', $part or die "$part: $!";
            print $out token($key), "\n" for 1 .. ($number + 1) / 2;
            close $out or die "$part: $!";
            _exit(0);
        }
        push @pids, $pid;
    }
    waitpid($_, 0) == $_ && $? == 0 or die "no tokens\n" for @pids;

    system("cat @parts | head -n $number > $path.new && mv $path.new $path"
           . " && rm @parts") == 0 or die "no tokens\n";
    return $files{$path} = $path;
}


sub token {
    my ($key, %set) = @_;
    my @roles = map { "role-of-a-vertical-application-$_" } 1 .. 8;
    return mint(-key => $key, exp => int(time) + 14 * 86_400, roles => \@roles,
                jti => unpack('H*', random_bytes(16)), %set);
}


# --- servers ----------------------------------------------------------------

sub certificate {
    my $path = temp_dir() . '/tls';
    return ("$path.crt", "$path.key") if -e "$path.crt";
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
           . " -days 2 -subj /CN=localhost -out $path.crt -keyout $path.key"
           . ' 2>/dev/null') == 0 or die "openssl req failed\n";
    return ("$path.crt", "$path.key");
}


# what "return 200" says, of the size of a response with such a record; nginx
# takes no argument of more than 4 kB, so that long ones are put together
sub return_location {
    my ($size) = @_;
    my $text = to_json({ UserUri => 'alice', SKmsUri => URI,
        ServiceID => "size-$size", 'Date/Time' => 1_700_000_000,
        Payload => 'k' x $size });
    my @parts = $text =~ /(.{1,3000})/gs;

    return join '', 'default_type application/json; ',
        (map { "set \$p$_ '$parts[$_]'; " } 0 .. $#parts),
        'return 200 "', (map { "\${p$_}" } 0 .. $#parts), '";';
}


sub module_location {
    my ($jwks, @more) = @_;
    return join '', map { "$_;\n" }
        'seal_km_pass ' . $redis->unix, 'seal_km_uri ' . URI,
        "seal_km_jwks $jwks", 'seal_km_issuer ' . ISSUER,
        'seal_km_audience ' . AUDIENCE, 'seal_km_scope ' . SCOPE,
        'seal_km_window 1h', @more;
}


sub lua_init {
    my ($cache) = @_;
    my $keys = join ', ', map {
        my ($name, $alg) = @$_;
        "$name = { alg = '$alg', pem = [==[" . key($name)->export_key_pem('public')
            . ']==] }' } [ rsa => 'RS256' ], [ ec256 => 'ES256' ];

    return <<"END";
lua_package_path "$FindBin::Bin/?.lua;;";
init_by_lua_block {
    require('skm').init { uri = '@{[URI]}', issuer = '@{[ISSUER]}',
        audience = '@{[AUDIENCE]}', scope = '@{[SCOPE]}', window = 3600,
        redis = '@{[$redis->unix]}', cache = $cache, keys = { $keys } }
}
END
}


# name => [ directives of main, of http, of the location ]
sub server_config {
    my ($name, $option) = @_;
    my $load = "load_module $module;";
    my $zone = "seal_km_zone name=bench 32m;";

    return [ '', '', return_location($option // 300) ] if $name eq 'return';
    return [ $load, '', module_location($option // jwks('rsa', 'ec256')) ]
        if $name eq 'uncached';
    return [ $load, $zone, module_location(jwks('rsa', 'ec256'),
                                           'seal_km_zone bench') ]
        if $name eq 'cached';
    return [ $load, $zone, module_location(jwks('rsa', 'ec256'),
             'seal_km_zone bench',
             'seal_km_record_keys ' . record_keys(%secret),
             'seal_km_redis_key_prefix sealed:') ] if $name eq 'encrypted';
    return [ $load, $zone, module_location(jwks('rsa', 'ec256'),
             'seal_km_zone bench', 'seal_km_interface ss-kir') ]
        if $name eq 'retrieval';

    return [ "load_module $modules/ndk_http_module.so;"
             . " load_module $modules/ngx_http_lua_module.so;",
             lua_init($name eq 'lua' ? 100_000 : 0),
             'content_by_lua_block { require("skm").answer() }' ]
        if $name =~ /^lua/;
    die "no such server: $name\n";
}


# starts it once; { port, status, pids }
sub server {
    my ($name, $option, $workers) = @_;
    my $id = join ' ', $name, $option // '', $workers // 1;

    return $servers{$id} //= start_server(server_config($name, $option),
                                          $workers // 1);
}


sub start_server {
    my ($config, $workers) = @_;
    my ($main, $http, $location) = @$config;
    my $dir = temp_dir() . '/nginx' . keys %servers;
    my ($port, $status) = (free_port(), free_port());
    my ($crt, $key) = certificate();
    my $user = $> ? '' : 'user root;';

    mkdir $dir;
    open my $file, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!";
    print $file <<"END";
$main
$user
daemon off;
worker_processes $workers;
worker_rlimit_nofile 16384;
pid $dir/pid;
error_log $dir/error.log warn;
events { worker_connections 4096; }
http {
access_log off;
client_body_temp_path $dir;
proxy_temp_path $dir;
fastcgi_temp_path $dir;
scgi_temp_path $dir;
uwsgi_temp_path $dir;
keepalive_requests 1000000000;
keepalive_timeout 1h;
client_header_buffer_size 4k;
$http
server {
listen 127.0.0.1:$port ssl backlog=4096;
ssl_protocols TLSv1.3;
ssl_certificate $crt;
ssl_certificate_key $key;
location = /seal-km {
$location
}
}
server { listen 127.0.0.1:$status; location = /status { stub_status; } }
}
END
    close $file or die "$dir/nginx.conf: $!";

    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        open STDERR, '>', "$dir/stderr";
        exec 'taskset', '-c', $server_cpu, $nginx, '-p', $dir, '-c',
            "$dir/nginx.conf" or _exit(1);
    }
    my $server = { port => $port, pid => $pid, dir => $dir,
                   status => eval { SealKM::Client->new(port => $status) } };

    if (!$server->{status}) {
        system 'cat', "$dir/stderr", "$dir/error.log";
        die "nginx does not start\n";
    }
    wait_for(sub { children($server) == $workers }) or die "no workers\n";
    return $server;
}


sub children {
    my ($server) = @_;
    my $path = "/proc/$server->{pid}/task/$server->{pid}/children";
    open my $file, '<', $path or die "$path: $!";
    return split ' ', <$file> // '';
}


sub stop_server {
    my ($server) = @_;
    return if !$server;
    kill 'QUIT', $server->{pid};
    $server->{status}->close;
    waitpid $server->{pid}, 0;
    return;
}


# --- what is right ----------------------------------------------------------

sub ask {
    my ($server, $token, %set) = @_;
    my $body = to_json({ Version => '1.0.0', SKmsUri => URI,
                         ServiceID => 'size-300', 'Date/Time' => int time, %set });
    return send_to($server, "POST /seal-km HTTP/1.1\r\nHost: a\r\n"
        . "Authorization: Bearer $token\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
}


# the same of the other interface
sub retrieve {
    my ($server, $token, $query) = @_;
    return send_to($server, "GET /seal-km?val-service-id=$query HTTP/1.1\r\n"
        . "Host: a\r\nAuthorization: Bearer $token\r\n\r\n");
}


sub send_to {
    my ($server, $request) = @_;
    my $client = SealKM::Client->new(port => $server->{port}, tls => {});
    my $response = $client->send($request)->response;

    $client->close;
    return $response;
}


sub spoil {
    my ($token) = @_;
    my $length = length $token;
    substr($token, $length - 20, 1) =~ tr/A-Za-z/B-ZAb-za/
        || substr($token, $length - 20, 1, 'A');
    return $token;
}


sub expect {
    my ($name, $what, $got, $want) = @_;
    die "$name: $what was answered with $got\n" if $got ne $want;
    return;
}


# dies unless the server does its job
sub check_server {
    my ($name, $server, $size) = @_;
    return if $server->{checked}{$size}++;
    return check_retrieval($server, $size) if $name eq 'retrieval';

    for my $key ('rsa', 'ec256') {
        my $token = token($key);
        my $response = ask($server, $token, ServiceID => "size-$size");

        expect($name, 'a request', $response->status, 200);
        expect($name, 'a request', $response->json->{Payload}, 'k' x $size);
        next if $name eq 'return';

        # twice: a cache must change nothing
        for (1, 2) {
            expect($name, 'a spoilt signature',
                   ask($server, spoil($token))->status, 401);
            expect($name, 'another user',
                   ask($server, $token, UserID => 'bob')->status, 403);
            expect($name, 'an old request',
                   ask($server, $token, 'Date/Time' => int(time) - 7200)->status, 403);
            expect($name, 'another SKM-S',
                   ask($server, $token, SKmsUri => URI . '/x')->status, 403);
            expect($name, 'an expired token',
                   ask($server, token($key, exp => int(time) - 60))->status, 401);
        }
    }
    return;
}


sub check_retrieval {
    my ($server, $size) = @_;

    for my $key ('rsa', 'ec256') {
        my $token = token($key);
        my $expired = token($key, exp => int(time) - 60);
        my $response = retrieve($server, $token, "size-$size");

        expect('retrieval', 'a query', $response->status, 200);
        expect('retrieval', 'a query', $response->json->{keyInfo}, 'k' x $size);

        for (1, 2) {
            expect('retrieval', 'a spoilt signature',
                   retrieve($server, spoil($token), "size-$size")->status, 401);
            expect('retrieval', 'another user', retrieve($server, $token,
                   "size-$size&valUserId=bob")->status, 403);
            expect('retrieval', 'an expired token',
                   retrieve($server, $expired, "size-$size")->status, 401);
        }
    }
    return;
}


# --- measuring --------------------------------------------------------------

sub nanoseconds {
    return sum0(map {
        open my $file, '<', "/proc/$_/schedstat" or die "no /proc/$_/schedstat\n";
        (split ' ', <$file>)[0];
    } @_);
}


# from now on; servers have had other loads before
sub forget_peak {
    for (@_) {
        open my $file, '>', "/proc/$_/clear_refs" or die "/proc/$_/clear_refs: $!";
        print $file "5\n";
        close $file or die "/proc/$_/clear_refs: $!";
    }
    return;
}


sub peak_memory {
    return sum0(map {
        open my $file, '<', "/proc/$_/status" or die "no /proc/$_/status\n";
        map { /^VmHWM:\s*(\d+)/ ? $1 : () } <$file>;
    } @_);
}


# what the server has cost so far
sub sample {
    my ($server) = @_;
    my $status = $server->{status}->send("GET /status HTTP/1.1\r\nHost: a\r\n\r\n")
        ->response->body;
    my ($requests) = $status =~ /^\s*\d+\s+\d+\s+(\d+)\s*$/m
        or die "stub_status says something else\n";

    return { time => time, requests => $requests,
             cpu => nanoseconds(children($server)),
             redis => nanoseconds($redis->pid) };
}


# one measurement: numbers for one request.  Where wrk began so late that it was
# over before, once more
sub measure {
    my ($server, $load) = @_;
    my $round;

    for (1 .. 3) {
        $round = measure_once($server, $load);
        last if !$round->{late};
    }
    return $round;
}


sub measure_once {
    my ($server, $load) = @_;
    my $duration = int($settle + $seconds + 1.2);
    my @wrk = ('taskset', '-c', $client_cpu, 'wrk', '-t1',
        "-c$load->{connections}", "-d${duration}s", '--timeout', '20s',
        '-s', "$FindBin::Bin/wrk.lua", "https://127.0.0.1:$server->{port}/seal-km",
        '--', $load->{tokens}, "size-$load->{size}", $load->{close} || 'keep',
        $load->{interface} || 'km');

    forget_peak(children($server));
    my $start = time;
    my $before = my $first = sample($server);

    open my $out, '-|', "@wrk 2>&1" or die "wrk: $!";

    # handshakes are no part of it, unless each request has one
    until ($before->{requests} - $first->{requests} > 3 * $load->{connections}
           || time - $start > $duration - $seconds - 0.1) {
        sleep $settle / 10;
        $before = sample($server);
    }
    sleep $seconds;
    my $after = sample($server);
    my $text = join '', <$out>;
    close $out;

    my ($json) = $text =~ /^RESULT (.*)/m or die "wrk: $text\n";
    my $wrk = from_json($json);
    my $n = $after->{requests} - $before->{requests} - 1;

    return { void => "$wrk->{bad} of $wrk->{requests} requests failed" }
        if $wrk->{bad};
    return { late => 1, void => 'wrk began too late' } if $n < 1;
    return {
        cpu      => ($after->{cpu} - $before->{cpu}) / $n / 1000,
        redis    => ($after->{redis} - $before->{redis}) / $n / 1000,
        rate     => $n / ($after->{time} - $before->{time}),
        (map { $_ => $wrk->{$_} } qw(p50 p99 p999)),
        memory   => peak_memory(children($server)),
    };
}


# a row: its servers in turns; [ { name, server, rounds => [ numbers ] } ]
sub run_row {
    my ($row) = @_;
    my @contenders = map { { name => $_->[0], label => $_->[2] // $_->[0],
        server => server($_->[0], $_->[1], $_->[3]),
        load => { connections => 64, size => 300, %{ $row->{load} },
                  %{ $_->[4] // {} } } } } @{ $row->{servers} };

    check_server($_->{name}, $_->{server}, $_->{load}{size}) for @contenders;

    if ($row->{warm}) {
        measure($_->{server}, $_->{load}) for @contenders;
    }

    for my $round (1 .. $row->{rounds} // $rounds) {
        push @{ $_->{rounds} }, measure($_->{server}, $_->{load})
            for @contenders;
        say_now('.');
    }
    return { name => $row->{name}, base => $contenders[0]{label},
             contenders => [ map { {
                 name => $_->{label}, rounds => $_->{rounds} } } @contenders ] };
}


# --- rows -------------------------------------------------------------------

sub table_rows {
    my $same = tokens('rsa', 1);
    my $rsa = tokens('rsa', $tokens);
    my $ec = tokens('ec256', $tokens);

    return (
        { name => 'the same RS256 token', load => { tokens => $same },
          servers => [ ['return'], ['cached'], ['encrypted'],
                       [ 'retrieval', undef, undef, 1,
                         { interface => 'ss-kir' } ], ['lua'] ] },
        { name => "$tokens RS256 tokens, cache off", load => { tokens => $rsa },
          servers => [ ['return'], ['uncached'], ['lua-uncached'] ] },
        { name => "$tokens ES256 tokens, cache off", load => { tokens => $ec },
          servers => [ ['return'], ['uncached'], ['lua-uncached'] ] },
        { name => 'a new TLS connection for each request',
          load => { tokens => $same, close => 'close' },
          servers => [ ['return'], ['cached'], ['lua'] ] },
    );
}


sub more_rows {
    my $same = tokens('rsa', 1);

    return (
        (map { my $size = $_; {
            name => "a record of $size bytes", rounds => 3,
            load => { tokens => $same, size => $size },
            servers => [ [ 'return', $size ], ['cached'], ['encrypted'],
                         ['lua'] ] } } grep { $_ != 300 } @SIZES),
        (map { {
            name => $_ == 1 ? 'one connection' : "$_ connections", rounds => 3,
            load => { tokens => $same, connections => $_ },
            servers => [ ['return'], ['cached'], ['lua'] ] } } 1, 1000),
    );
}


# cost is flat whatever grows: the first of a row is what the others are held
# against
sub growth_rows {
    my $ec = tokens('ec256', $tokens);
    my $same = tokens('rsa', 1);
    my $rsa = tokens('rsa', $tokens);

    return (
        { name => 'keys of the SIM-S, each token new (ES256)', rounds => 3,
          load => { tokens => $ec },
          servers => [ [ 'uncached', many_keys(1), '1 key' ],
                       [ 'uncached', many_keys(1000), '1,000 keys' ] ] },
        { name => 'tokens in the cache', rounds => 3, load => {}, warm => 1,
          servers => [ [ 'cached', undef, '1 token', 1, { tokens => $same } ],
                       [ 'cached', 'full', "$tokens tokens", 1,
                         { tokens => $rsa } ] ] },
        { name => 'workers', rounds => 3, load => { tokens => $same },
          servers => [ [ 'cached', undef, '1 worker', 1 ],
                       [ 'cached', undef, '4 workers', 4 ] ] },
    );
}


sub many_keys {
    my ($n) = @_;
    return $files{"keys $n"} //= jwks('rsa', 'ec256', map {
        my $jwk = Crypt::PK::ECC->new->generate_key('secp256r1')
            ->export_key_jwk('public', 1);
        +{ %$jwk, kid => "other-$_", use => 'sig' } } 2 .. $n);
}


# 10 records, and then a million
sub record_rows {
    my $same = tokens('rsa', 1);
    my $row = { name => 'records in Redis', rounds => 3,
                load => { tokens => $same },
                servers => [ [ 'cached', undef, '10 records' ] ] };
    my $few = run_row($row);

    $redis->cli('DEBUG', 'POPULATE', 1_000_000, 'seal:km:other', 300);
    $row->{servers}[0][2] = '1,000,000 records';
    push @{ $few->{contenders} }, @{ run_row($row)->{contenders} };
    $redis->cli('FLUSHALL');
    load_records();
    return $few;
}


sub load_records {
    for my $size (@SIZES) {
        my $name = "size-$size:service";
        $redis->set("seal:km:$name", 'k' x $size);
        $redis->set("sealed:$name",
                    sealed("sealed:$name", 'k' x $size, %secret));
    }
    $redis->set("seal:km:other-$_:service", 'x') for 1 .. 6;
    return;
}


# --- telling ----------------------------------------------------------------

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return $sorted[$#sorted / 2];
}


sub report {
    my ($row) = @_;
    my $base = $row->{contenders}[0];

    printf "\n%s\n  %-18s %8s %8s %10s %8s %8s %8s %8s  %s\n", $row->{name}, '',
        'CPU us', 'Redis us', 'requests/s', 'p50 us', 'p99 us', 'p99.9 us',
        'MB', "CPU to $row->{base}";

    for my $c (@{ $row->{contenders} }) {
        my @rounds = @{ $c->{rounds} };
        if (my ($void) = grep { $_ } map { $_->{void} } @rounds) {
            printf "  %-18s VOID: %s\n", $c->{name}, $void;
            next;
        }
        my @ratios = map { $rounds[$_]{cpu} / ($base->{rounds}[$_]{cpu} || 1) }
                     grep { $base->{rounds}[$_] } 0 .. $#rounds;
        my %m = map { my $what = $_;
                      $what => median(map { $_->{$what} } @rounds) }
                qw(cpu redis rate p50 p99 p999 memory);
        printf "  %-18s %8.2f %8.2f %10.0f %8d %8d %8d %8.1f  %.2f (%.2f-%.2f)\n",
            $c->{name}, @m{qw(cpu redis rate p50 p99 p999)}, $m{memory} / 1024,
            median(@ratios), (sort { $a <=> $b } @ratios)[0, -1];
    }
    return;
}


sub machine {
    my ($model) = `lscpu` =~ /^Model name:\s*(.*)/m;
    my ($version) = `$nginx -v 2>&1` =~ m{nginx/(\S+)};
    my $text = `$nginx -V 2>&1`;
    my ($openssl) = $text =~ /running with OpenSSL (\S+)/
        ? $1 : $text =~ /built with OpenSSL (\S+)/;
    my ($redis_version) = `redis-server --version` =~ /v=(\S+)/;
    my ($wrk) = `wrk -v 2>&1` =~ /wrk (?:debian\/)?(\S+)/;
    chomp(my $kernel = `uname -sr`);

    return { model => $model // 'unknown', cpus => $cpus, kernel => $kernel,
             nginx => $version, openssl => $openssl // 'unknown',
             redis => $redis_version, wrk => $wrk // 'unknown' };
}


sub main {
    $redis = SealKM::Redis->start(
        $quick ? () : (args => [ '--enable-debug-command', 'local' ]));
    system("taskset -pc $client_cpu " . $redis->pid . ' > /dev/null') == 0
        or die "taskset failed\n";
    load_records();

    say_now("tokens ...\n");
    my @rows = table_rows();
    push @rows, more_rows(), growth_rows() if !$quick;
    my @done;

    for my $row (@rows) {
        push @done, run_row($row);
        report($done[-1]);
    }
    if (!$quick) {
        push @done, record_rows();
        report($done[-1]);
    }

    my $file = { machine => machine(), date => strftime('%Y-%m-%d', gmtime),
                 command => 'make bench' . ($quick ? '-quick' : ''),
                 seconds => $seconds, rows => \@done };
    make_path("$top/build/bench");
    open my $out, '>', $results or die "$results: $!";
    print $out to_json($file), "\n";
    close $out or die "$results: $!";
    print "\n$results\n";

    return grep({ $_->{void} } map { @{ $_->{rounds} } }
                map { @{ $_->{contenders} } } @done) ? 1 : 0;
}

my $owner = $$;
# so that whoever breaks it off leaves no servers behind
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);
END { if ($owner && $$ == $owner) { my $status = $?; stop_server($_) for values %servers; $? = $status } }

exit main();
