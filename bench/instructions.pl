#!/usr/bin/perl
# Instructions of nginx for one request, counted by callgrind: over TLS 1.3, on
# one connection that is kept alive.
#
#   bench/instructions.pl              counts, and fails where a row is more than
#                                      2 % above bench/instructions.txt
#   bench/instructions.pl write        writes that file anew
#   bench/instructions.pl ROW ...      counts these only
#   bench/instructions.pl profile ROW  where they go, by function
#   bench/instructions.pl keep ROW FILE
#                                      what callgrind has written of one run: for
#                                      bench/flame-graph.pl
#
# A count is the difference of two runs, one of few and one of many requests, so
# that start, handshake and end are not in it.  callgrind's machine has no
# instructions for SHA: 1 kB of a token costs it more than it costs a real one.
# Counts depend on the OpenSSL that is linked, and on instructions of this
# machine's processor that callgrind's has too: the file names those it is of, and
# with others nothing is compared.
#
# SEAL_KM_MODULE names another module, of another state of the sources, say.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use Crypt::PRNG 'random_bytes';
use Cwd 'abs_path';
use POSIX '_exit';
use SealKM::Client;
use SealKM::JSON;
use SealKM::Keys;
use SealKM::Redis;
use SealKM::Sealed;
use SealKM::Util;

use constant {
    FEW      => 50,
    MANY     => 550,
    WARM     => 20,
    URI      => 'https://skm-s.example/seal-km',
    TOLERATE => 1.02,
};

my $top = abs_path("$FindBin::Bin/..");
my $baseline = "$FindBin::Bin/instructions.txt";
my $module = abs_path($ENV{SEAL_KM_MODULE}
                      || "$top/build/ngx_http_seal_km_module.so");
my $nginx = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';

my $record = 'k' x 300;
my $redis = SealKM::Redis->start;
my $sealed = 'seal:km:sealed.example:service';
my $secret = random_bytes(32);

$redis->set('seal:km:v2x.example:service', $record);
$redis->set($sealed, sealed($sealed, $record, bench => $secret));

# name => path, service, and the tokens, of which the next is taken each time
my @ROWS = (
    [ 'return 200'      => '/return', 'v2x.example', 'same' ],
    [ 'cached RS256'    => '/cached', 'v2x.example', 'same' ],
    [ 'key retrieval'   => '/kir', 'v2x.example', 'same' ],
    [ 'new RS256'       => '/new', 'v2x.example', 'rsa' ],
    [ 'new ES256'       => '/new', 'v2x.example', 'ec256' ],
    [ 'encrypted record' => '/sealed', 'sealed.example', 'same' ],
);


# a token of about 1 kB, as one with a few roles is
sub token {
    my ($key) = @_;
    my @roles = map { "role-of-a-vertical-application-$_" } 1 .. 8;
    return mint(-key => $key, exp => time + 7200, roles => \@roles,
                jti => unpack 'H*', join '', map { chr rand 256 } 1 .. 16);
}


sub request {
    my ($path, $service, $token) = @_;

    return "GET $path?val-service-id=$service HTTP/1.1\r\nHost: skm-s.example\r\n"
        . "Authorization: Bearer $token\r\nAccept: application/json\r\n\r\n"
        if $path eq '/kir';

    my $body = to_json({ Version => '1.0.0', SKmsUri => URI,
                         ServiceID => $service, 'Date/Time' => time });

    return "POST $path HTTP/1.1\r\nHost: skm-s.example\r\n"
        . "Authorization: Bearer $token\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}


sub location {
    my ($path, @more) = @_;
    my $jwks = jwks('rsa', 'ec256');

    return "location = $path {\n" . join('', map { "    $_;\n" }
        'seal_km_pass ' . $redis->unix, 'seal_km_uri ' . URI,
        "seal_km_jwks $jwks", 'seal_km_issuer ' . ISSUER,
        'seal_km_audience ' . AUDIENCE, 'seal_km_scope ' . SCOPE,
        'seal_km_window 1h', 'seal_km_redis_timeout 60s', @more) . "}\n";
}


sub more {
    my ($path) = @_;
    return $path eq '/new' ? () : ('seal_km_zone bench',
        $path eq '/kir' ? 'seal_km_interface ss-kir' : (),
        $path ne '/sealed' ? () : 'seal_km_record_keys ' . record_keys(bench => $secret));
}


sub config {
    my ($dir, $port, $path) = @_;
    my ($crt, $key) = map { "$dir/tls.$_" } qw(crt key);
    my $user = $> ? '' : "user root;\n";
    my $body = to_json({ UserUri => 'alice', SKmsUri => URI,
        ServiceID => 'v2x.example', 'Date/Time' => time, Payload => $record });

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
           . " -days 2 -subj /CN=localhost -out $crt -keyout $key 2>/dev/null") == 0
        or die "openssl req failed\n";

    return <<"END" . join '', "}\n}\n";
load_module $module;
$user
daemon off;
master_process off;
pid $dir/pid;
error_log $dir/error.log warn;
events {}
http {
access_log off;
client_body_temp_path $dir;
proxy_temp_path $dir;
fastcgi_temp_path $dir;
scgi_temp_path $dir;
uwsgi_temp_path $dir;
keepalive_requests 100000;
seal_km_zone name=bench 10m;
server {
listen 127.0.0.1:$port ssl;
ssl_protocols TLSv1.3;
ssl_certificate $crt;
ssl_certificate_key $key;
location = /return { default_type application/json; return 200 '$body'; }
@{[ $path eq '/return' ? '' : location($path, more($path)) ]}
END
}


# the nginx that runs; whoever breaks this off leaves none behind
my $running;
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);
END { kill 'KILL', $running if $running }


# so many requests to an nginx under callgrind: instructions, and its output file
sub run {
    my ($row, $number) = @_;
    my ($name, $path, $service, $kind) = @$row;
    my $dir = temp_dir() . '/nginx';
    my $port = free_port();
    my $same = $kind eq 'same' ? token('rsa') : undef;

    mkdir $dir;
    unlink "$dir/callgrind";
    open my $file, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!";
    print $file config($dir, $port, $path);
    close $file or die "$dir/nginx.conf: $!";

    defined(my $pid = fork) or die "fork: $!";

    if (!$pid) {
        open STDERR, '>', "$dir/valgrind.log";
        exec 'valgrind', '--tool=callgrind', "--callgrind-out-file=$dir/callgrind",
            $nginx, '-p', $dir, '-c', "$dir/nginx.conf" or _exit(1);
    }

    $running = $pid;

    my $client = eval {
        SealKM::Client->new(port => $port, tls => {}) };
    my $right = 0;

    for (1 .. WARM + $number) {
        last if !$client;
        my $response = $client->send(request($path, $service,
                                             $same // token($kind)))->response;
        last if !$response || $response->status != 200
                || ($response->json->{Payload} // $response->json->{keyInfo})
                   ne $record;
        $right++;
    }

    kill 'QUIT', $pid;
    $client->close if $client;
    waitpid $pid, 0;
    undef $running;

    if ($right != WARM + $number) {
        system 'cat', "$dir/valgrind.log", "$dir/error.log";
        die "$name: a request was not answered as it should be\n";
    }

    open my $log, '<', "$dir/valgrind.log" or die "$dir/valgrind.log: $!";
    my ($count) = map { /Collected\s*:\s*(\d+)/ ? $1 : () } <$log>;
    return ($count // die("$name: nothing was counted\n"), "$dir/callgrind");
}


sub count {
    my ($row) = @_;
    my ($few) = run($row, FEW);
    my ($many) = run($row, MANY);
    return int(($many - $few) / (MANY - FEW) + 0.5);
}


sub openssl {
    my ($version) = `ldd $nginx` =~ /libcrypto\.so\.\d+ => (\S+)/
        ? `strings $1` =~ /^(OpenSSL \d+\.\d+\.\d+)/m : ();
    return $version // 'unknown';
}


# (what it was counted with, name => instructions)
sub read_baseline {
    open my $file, '<', $baseline or return '';
    my ($with, %count) = '';

    while (<$file>) {
        $with = $1 if /^# with (.*)/;
        $count{$2} = $1 if /^\s*(\d+)\s+(\S.*)/;
    }
    return ($with, %count);
}


sub write_baseline {
    my (%count) = @_;

    open my $file, '>', $baseline or die "$baseline: $!";
    print $file "# Instructions for one request: bench/instructions.pl\n",
        '# with ', with(), "\n",
        map { sprintf "%8d  %s\n", $count{ $_->[0] }, $_->[0] } @ROWS;
    close $file or die "$baseline: $!";
    return;
}


sub with {
    my ($version) = `$nginx -v 2>&1` =~ m{nginx/(\S+)};
    chomp(my $machine = `uname -m`);
    return "nginx $version, " . openssl() . ", $machine" . processor();
}


# what OpenSSL and the C library choose their code by
sub processor {
    open my $file, '<', '/proc/cpuinfo' or return '';
    my ($flags) = map { /^flags\s*:(.*)/ ? $1 : () } <$file>;
    return join '', map { " $_" } grep { ($flags // '') =~ /\b$_\b/ }
                    qw(aes pclmulqdq avx2 bmi2);
}


# function => instructions, of one output file
sub functions {
    my ($out) = @_;
    my %count;

    for (`callgrind_annotate --threshold=100 --auto=no $out`) {
        my ($n, $name) = /^\s*([\d,]+) \(.*?\)\s+(.*?)\s*\z/ or next;
        $name =~ s{^\S*:(?=\S+ \[)|\S*/(?=[^/]*:)|/\S*/(?=[^/]*\])}{}g;
        $count{$name} += $n =~ tr/,//dr;
    }
    return %count;
}


sub profile {
    my ($row) = @_;
    my %few = functions((run($row, FEW))[1]);
    my %many = functions((run($row, MANY))[1]);
    my %each = map { $_ => ($many{$_} - ($few{$_} // 0)) / (MANY - FEW) }
               keys %many;

    printf "%8d  %s\n", $each{$_}, $_
        for grep { $each{$_} >= 100 } sort { $each{$b} <=> $each{$a} } keys %each;
    return 0;
}


sub keep {
    my ($row, $file) = @_;
    my (undef, $out) = run($row, MANY);
    system('cp', $out, $file) == 0 or die "$file was not written\n";
    return 0;
}


sub main {
    my @words = @_;
    my $what = @words && $words[0] =~ /^(?:write|profile|keep)\z/
               ? shift @words : '';
    my $file = $what eq 'keep' ? pop @words : undef;
    my @rows = grep { my $row = $_; !@words || grep { $row->[0] eq $_ } @words }
               @ROWS;

    die "no such row; there are: @{[ join ', ', map { $_->[0] } @ROWS ]}\n"
        if !@rows;
    return profile($rows[0]) if $what eq 'profile';
    return keep($rows[0], $file) if $what eq 'keep';

    my ($with, %before) = read_baseline();
    my ($worse, %count) = 0;

    if ($what ne 'write' && %before && $with ne with()) {
        print "the baseline is of $with, this is ", with(),
            ": nothing is compared\n";
        %before = ();
    }

    for my $row (@rows) {
        my $name = $row->[0];
        my $n = $count{$name} = count($row);
        my $bad = $before{$name} && $n > TOLERATE * $before{$name};

        printf "%8d  %s%s\n", $n, $name, !$before{$name} ? '' :
            sprintf '  (%+.1f %%%s)', 100 * $n / $before{$name} - 100,
                    $bad ? ', TOO MANY' : '';
        $worse ||= $bad;
    }

    write_baseline(%before, %count) if $what eq 'write';
    return $worse && $what ne 'write' ? 1 : 0;
}

exit main(@ARGV);
