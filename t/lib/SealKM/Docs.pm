package SealKM::Docs;

# The nginx configurations of README.md and docs/*.md: the text of the pages,
# made into whole configurations that can be tested and run.
#
#     pages()                       README.md and docs/*.md, as names of the tree
#     blocks('docs/redis.md')       of a page, in its order, each
#                                   { page, line, text, title, mark }: title is the
#                                   heading it stands under.  More: which language,
#                                   other than nginx
#     whole($block)                 the configurations that it stands for:
#                                   a fragment in the frame that it needs
#     check_conf($conf)             status and output of nginx -t
#     serve($conf, %more)           runs nginx with it, and waits until it listens:
#                                   { port => { 443 => port ... } of its "listen"
#                                   lines, dir, and stop => a sub }
#
# What a fragment leaves out, "..." or because it is about something else, is
# filled in with what is required.  Files that it names are made, with what their
# directive wants.  Ports become free ones; hosts that do not exist become
# addresses of this machine: more
#     address => { '10.0.0.1:6379' => '127.0.0.1:4711' }
#     files => { 'redis-ca.crt' => '/path/of/it' }      by the last part of the name
#     more => 'text'                for the http block
#
# A page may say, in a comment before a block, what readers need not be told:
#     <!-- nginx: alternatives -->  lines of one directive, of which one at a time
#                                   is meant

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(basename dirname);
use File::Path 'make_path';
use IO::Socket::INET;
use SealKM::Certificates;
use SealKM::Client;
use SealKM::Config;
use SealKM::HTTP2 'has_http2_directive';
use SealKM::Keys;
use SealKM::Sealed;
use SealKM::Tool;
use SealKM::Util;
use Test::Nginx::Util ();

our @EXPORT = qw(pages blocks whole check_conf serve);

# where a directive of a fragment belongs, if not into a location
my %LEVEL = (
    (map { $_ => 'main' } qw(load_module events http user)),
    (map { $_ => 'http' } qw(map geo upstream server log_format access_log
        proxy_cache_path limit_req_zone limit_conn_zone include
        large_client_header_buffers)),
    (map { $_ => 'server' } qw(location listen ssl_verify_client resolver)),
);

# what a location with seal_km_pass needs
my @REQUIRED = qw(pass uri jwks issuer audience scope);
my %VALUE = (pass => '127.0.0.1:6379', uri => SKMS_URI, jwks => 'sim-s.jwks',
             issuer => ISSUER, audience => AUDIENCE, scope => SCOPE);

# what stands between brackets and quotes counts as one
my $QUOTED = qr/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s;
my $BLOCK;
$BLOCK = qr/\{(?:$QUOTED|#[^\n]*|\$\{\w+\}|[^{}"'#\$]|\$|(??{ $BLOCK }))*\}/s;

my $n = 0;


sub pages {
    my $top = source('');
    return map { s/^\Q$top\E//r }
        source('README.md'), sort glob(source('docs/*.md'));
}


sub blocks {
    my ($page, $language) = @_;
    my (@blocks, $block, $title, $mark);
    my $line = 0;
    my $fence = '';

    for (split /^/, text_of(source($page))) {
        $line++;

        if ($block && $_ eq $fence) {
            push @blocks, $block if $block->{language} eq ($language // 'nginx');
            undef $block;
        } elsif ($block) {
            $block->{text} .= $_;
        } elsif (/^( *)```(\w*)$/) {
            $fence = "$1```\n";
            $block = { page => $page, line => $line, text => '', title => $title,
                       mark => $mark // '', language => $2 };
            undef $mark;
        } elsif (/^#+ (.*)/) {
            $title = $1;
        } elsif (/^<!-- nginx: (\w+) -->$/) {
            $mark = $1;
        }
    }

    return @blocks;
}


# [ name, text ] of each directive at the top of a text
sub _statements {
    my ($text) = @_;
    my @found;

    while ($text =~ /\G(?:\s+|#[^\n]*\n?)*/gc, $text !~ /\G\z/gc) {
        $text =~ /\G((?:$QUOTED|\$\{\w+\}|[^;{}"'#]|(?<![\s;{}])#|#[^\n]*\n)*?(?:;|$BLOCK))/gc
            or die 'no directive: ' . substr($text, pos $text, 60) . "\n";
        my $statement = $1;
        push @found, [ $statement =~ /^(\S+?)[\s;]/, $statement ];
    }

    return @found;
}


sub _level {
    my ($name, $text) = @_;

    return 'http' if $text =~ /^seal_km_zone\s+name=/;
    return 'keys' if $name =~ /^proxy_/ && $name ne 'proxy_cache_path';
    return $LEVEL{$name} // 'location';
}


# the directives that are required where they are not there
sub _required {
    my ($text, $outside) = @_;
    my $all = $text . ($outside // '');

    return join '', map { "seal_km_$_ $VALUE{$_};\n" }
        grep { $all !~ /\bseal_km_$_\s/
               && !($_ eq 'jwks' && $all =~ /\bseal_km_jwks_request\s/) }
        @REQUIRED;
}


# what a "..." in a block stands for
sub _filled {
    my ($text, $outside) = @_;

    $text =~ s~(\blocation [^\n{]*\{\n)((?:[^{}]|\$\{\w+\})*)\}
              ~$1 . _filled_location($2, $outside) . '}'~gex;
    return $text =~ s/^ *\.\.\.\n/_server($text)/gmer;
}


sub _filled_location {
    my ($body, $outside) = @_;

    my $lacks = $body =~ /proxy_ssl_|^\s*internal;\s*\.\.\./
                && $body !~ /seal_km_/ ? "proxy_pass https://127.0.0.1:9/;\n"
                                       : _required($body, $outside);
    return $body =~ s/^ *\.\.\.\n/$lacks/mr;
}


# what a server { ... } has besides
sub _server {
    my ($text) = @_;
    return ($text =~ /(?<!_)ssl_certificate / ? '' : _tls())
        . ($text =~ /location/ ? '' : _location(''));
}

sub _tls { return "ssl_certificate skm-s.crt;\nssl_certificate_key skm-s.key;\n" }

sub _location {
    my ($body) = @_;
    return "location = /seal-km {\n$body" . _required($body) . "}\n";
}


sub whole {
    my ($block) = @_;
    my $text = $block->{text};
    my @statements = _statements($text =~ s/^ *\.\.\.\n//gmr);
    my %count;

    return $text if grep { $_->[0] eq 'http' } @statements;

    if ($block->{mark} eq 'alternatives') {
        $count{$_->[0]}++ for grep { _level(@$_) eq 'location' } @statements;
        my ($name) = grep { $count{$_} > 1 } sort keys %count;
        my @them = grep { $_->[0] eq $name } @statements;

        return map {
            my $this = $_;
            _frame('', grep { $_->[0] ne $name || $_ == $this } @statements);
        } @them;
    }

    @statements = _statements(_filled($text)) if $text =~ /^ *\.\.\.$/m;
    return _frame($text, @statements);
}


# a whole configuration around the directives of a fragment
sub _frame {
    my ($text, @statements) = @_;
    my %at = map { $_ => '' } qw(main http server location keys);

    # what stands beside a server is for all of them
    my $inner = (grep { $_->[0] eq 'server' } @statements) ? 'http' : 'location';

    for (@statements) {
        my $level = _level(@$_);
        $at{ $level eq 'location' ? $inner : $level } .= "$_->[1]\n";
    }

    my $all = join '', values %at;

    # what the text takes for granted
    $at{http} .= "upstream records { server 127.0.0.1:6379; }\n"
        if $all =~ /seal_km_pass records;/ && $all !~ /upstream records/;
    $at{location} .= "seal_km_require \$arg_group reason=other_group;\n"
        if $all =~ /^seal_km_notify .*\bother_group;/m;
    $at{http} .= "seal_km_zone name=seal_km 1m;\nseal_km_zone seal_km;\n"
        if $all !~ /seal_km_zone\b/;
    $at{location} .= "seal_km_jwks_request /sim-s-keys;\n" if $at{keys};
    $at{server} .= "location = /sim-s-keys {\ninternal;\n$at{keys}}\n" if $at{keys};
    $at{server} .= _location($at{location})
        if $at{location} || $all !~ m{location = /seal-km\b}
                            && $all =~ m{\bseal_km_ready|location};

    my $server = $at{server} ? "server {\nlisten 443 ssl;\n"
                               . ($at{server} =~ /(?<!_)ssl_certificate / ? '' : _tls())
                               . "$at{server}}\n" : '';

    return "load_module modules/ngx_http_seal_km_module.so;\n" x
           ($at{main} !~ /load_module/)
        . ($at{main} =~ s/^http.*//msr) . "events {}\nhttp {\n$at{http}$server}\n";
}


# ---------------------------------------------------------- files and addresses

my %MAKE = (
    seal_km_jwks                => sub { text_of(jwks('rsa')) },
    seal_km_record_keys         => sub { text_of(record_keys(a => 'A' x 32)) },
    seal_km_record_digest_key   => sub { 'd' x 32 },
    ssl_certificate             => sub { text_of(_own()->{crt}) },
    ssl_certificate_key         => sub { text_of(_own()->{key}) },
    (map { $_ => sub { text_of(authority()) } } qw(ssl_client_certificate
        ssl_trusted_certificate proxy_ssl_trusted_certificate
        seal_km_redis_ssl_trusted_certificate)),
    seal_km_redis_ssl_certificate     => sub { text_of(_client()->{crt}) },
    seal_km_redis_ssl_certificate_key => sub { text_of(_client()->{key}) },
    (map { $_ => sub { text_of(revocation_list()) } } qw(ssl_crl
        seal_km_redis_ssl_crl)),
    seal_km_redis_password_file          => sub { "a-long-password\n" },
    seal_km_redis_sentinel_password_file => sub { "another-password\n" },
    include                     => sub { text_of(source("docs/examples/$_[0]")) },
    (map { $_ => undef } qw(access_log error_log pid proxy_cache_path)),
);

my ($own, $client);
sub _own    { $own //= certificate_for(dns => [ 'skm-s.example', 'localhost' ]) }
sub _client { $client //= client_certificate() }


# an argument that names a file, as one below $dir, which is made
sub _file {
    my ($dir, $directive, $name, $more) = @_;

    return $name if $name =~ /^(?:off|on|stderr|\$|syslog:)/ || $name =~ /=/;

    my $path = "$dir/" . ($name =~ m{^/} ? $name : "etc/nginx/$name");
    my $base = basename($name);
    my $given = ($more->{files} // {})->{$base};

    make_path(dirname($path), $directive eq 'proxy_cache_path' ? $path : ());
    return $path if !$given && !$MAKE{$directive};

    open my $file, '>:raw', $path or die "$path: $!";
    print $file $given ? text_of($given) : $MAKE{$directive}->($base);
    close $file or die "$path: $!";
    chmod 0600, $path if $directive =~ /key|password/;
    return $path;
}


sub _arguments {
    my ($dir, $directive, $arguments, $more) = @_;
    my @words = split ' ', $arguments;

    # the others are parameters
    my $last = $directive =~ /^seal_km_(?:jwks|record_keys)$/ ? $#words : 0;
    $_ = _file($dir, $directive, $_, $more) for @words[0 .. $last];
    return join ' ', @words;
}


sub _prepare {
    my ($text, $dir, $more) = @_;
    my %port;
    my %address = %{ $more->{address} // {} };
    my $files = join '|', keys %MAKE;

    $text =~ s{^(\s*)($files)\s+([^;'"]+);}
              {"$1$2 " . _arguments($dir, $2, $3, $more) . ';'}gme;

    # nginx since 1.25.1 warns of the parameter
    $text =~ s/\bssl http2\b([^;]*);/ssl$1; http2 on;/g if has_http2_directive();

    $text =~ s{\blisten (?:[\d.]+:)?(\d+)}
              {'listen 127.0.0.1:' . ($port{$1} //= free_port())}ge;
    $text =~ s{(seal_km_pass|server) ([\w.]+:\d+)}
              {"$1 " . ($address{$2} // $2 =~ s/^[\w.]+\.example:/127.0.0.1:/r)}ge;
    $text =~ s{proxy_pass https?://\K[\w.-]+(?::\d+)?}{127.0.0.1:9}g;
    $text =~ s{resolver 10\.0\.0\.53}{resolver $address{resolver}} if $address{resolver};
    $text =~ s{^load_module .*\n}{main_config()}me;
    $text =~ s{^user .*\n}{}m;
    $text = "user root;\n$text" if !$>;

    my $http = ($more->{more} // '') . join '',
        ($text =~ /\baccess_log / ? '' : "access_log off;\n"),
        map { "${_}_temp_path $dir/tmp;\n" } qw(client_body proxy fastcgi scgi uwsgi);
    $text =~ s/^http \{\n\K/$http/m;
    $text = "error_log $dir/error.log;\n$text" if $text !~ /^error_log/m;
    $text = "pid $dir/pid;\n$text" if $text !~ /^pid/m;

    return ($text, \%port);
}


# (text of the file, its name, ports)
sub _written {
    my ($text, %more) = @_;
    my $dir = temp_dir() . '/docs' . ++$n;

    make_path("$dir/etc/nginx", "$dir/tmp");
    my ($ready, $port) = _prepare($text, $dir, \%more);
    my $conf = "$dir/etc/nginx/nginx.conf";

    open my $file, '>', $conf or die "$conf: $!";
    print $file $ready;
    close $file or die "$conf: $!";
    return ($dir, $conf, $port);
}


sub check_conf {
    my ($text, %more) = @_;
    my ($dir, $conf) = _written($text, %more);

    my $run = run([ $Test::Nginx::Util::NginxBinary, '-t', '-e', 'stderr', '-p',
                    $dir, '-c', $conf ]);
    return ($run->{status}, $run->{out} . $run->{err});
}


my %running;

# curl and such ask once
sub _await {
    for my $port (@_) {
        wait_for(sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") })
            or die "nginx does not listen at $port\n";
    }
    return;
}

sub serve {
    my ($text, %more) = @_;
    my ($dir, $conf, $port) = _written($text, %more);

    defined(my $pid = fork) or die "fork: $!";

    if (!$pid) {
        require POSIX;
        exec { $Test::Nginx::Util::NginxBinary } 'nginx', '-p', $dir, '-c', $conf,
            '-e', "$dir/error.log", '-g', 'daemon off;' or POSIX::_exit(127);
    }

    $running{$pid} = $$;
    _await(values %$port);

    return { port => $port, dir => $dir, stop => sub {
        kill 'TERM', $pid;
        waitpid $pid, 0;
        delete $running{$pid};
        return;
    } };
}


END {
    local $?;
    kill 'TERM', $_ for grep { $running{$_} == $$ } keys %running;
}


1;
