package SealKM::Config;

# Text of nginx configurations.
#
#     location('= /km')                       all that is required, and TLS off
#     location('/x', scope => 'off', user_uri => undef, jwks => jwks('ec256'),
#              redis_key_prefix => 'x:', more => 'client_max_body_size 1m;')
#     directives(issuer => 'off', bind => [ 'user uid', 'client off' ])
#
# A value is the text behind the directive's name (without "seal_km_"), or an
# array for several of the same name; undef leaves it out.  seal_km_pass goes to
# the first Redis that the test started.
#
# Nothing that location() makes fails because the machine has other work to do:
# seal_km_redis_timeout and seal_km_redis_connect_timeout are PATIENCE seconds,
# seal_km_window is a minute.  A test of times names its own; undef stands for the
# module's default.
#
#     nginx_t(config => ..., http_config => ...)   status and output of nginx -t

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use SealKM::Keys;
use SealKM::Util;
use Test::Nginx::Util ();

our @EXPORT = qw(main_config location directives nginx_t SKMS_URI
    PATIENCE);

use constant PATIENCE => 50;
use constant SKMS_URI => 'https://skm-s.example/seal-km';

our $default_pass;


# load_module, unless $TEST_NGINX_LOAD_MODULES does it
sub main_config {
    my $module = $ENV{SEAL_KM_MODULE} || 'build/ngx_http_seal_km_module.so';

    return '' if ($ENV{TEST_NGINX_LOAD_MODULES} // '') =~ /seal_km/
                 || $module eq 'none';
    return 'load_module ' . Cwd::abs_path($module) . ";\n";
}


sub directives {
    my (%set) = @_;
    my $more = delete $set{more} // '';

    return join '', (map {
        my $name = $_;
        map { "    seal_km_$name $_;\n" }
            ref $set{$name} ? @{ $set{$name} } : $set{$name} // ();
    } sort keys %set), $more =~ s/^(?=.)/    /gmr, $more =~ /[^\n]\z/ ? "\n" : '';
}


my $jwks;

sub location {
    my ($path, %set) = @_;

    return "location $path {\n" . directives(
        redis_timeout         => PATIENCE . 's',
        redis_connect_timeout => PATIENCE . 's',
        window                => '1m',
        pass        => $default_pass // '127.0.0.1:1',
        uri         => SKMS_URI,
        jwks        => $set{jwks} // ($jwks //= jwks('rsa')),
        issuer      => ISSUER,
        audience    => AUDIENCE,
        scope       => SCOPE,
        require_tls => 'off',
        %set,
    ) . "    add_header X-Reason \$seal_km_reason always;\n}\n";
}


# (exit status, output) for the sections of a test, without starting anything;
# CONF in the output stands for the name of the configuration file
sub nginx_t {
    my (%set) = @_;
    my $dir = temp_dir() . '/nginx_t';
    my $conf = "$dir/nginx.conf";
    my $user = $> ? '' : "user root;\n";

    mkdir $dir;
    open my $file, '>', $conf or die "$conf: $!";
    print $file main_config(), $user, $set{main_config} // '', <<"END";
pid $dir/pid;
error_log stderr;
events {}
http {
access_log off;
client_body_temp_path $dir;
proxy_temp_path $dir;
fastcgi_temp_path $dir;
scgi_temp_path $dir;
uwsgi_temp_path $dir;
@{[ $set{http_config} // '' ]}
server {
listen unix:$dir/sock;
@{[ $set{config} // '' ]}
}
}
END
    close $file or die "$conf: $!";

    my $output = `$Test::Nginx::Util::NginxBinary -t -e stderr -p $dir -c $conf 2>&1`;
    my $status = $? >> 8 || $?;
    $output =~ s/\Q$conf\E/CONF/g;
    return ($status, $output);
}


1;
