# Locations whose settings are equal share their connections over TLS, however
# the files are named and wherever the settings stand.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::TlsFront;

use File::Spec;

# relative to the folder of nginx.conf
sub relative {
    return File::Spec->abs2rel($_[0], "$ENV{TEST_NGINX_SERVER_ROOT}/conf");
}

my $server = certificate_for(ip => [ '127.0.0.1' ]);
my $sealed = encrypted(client_certificate(), 'open says me');
my $opens = temp_file("open says me\n");
my $front = tls_front(fake_redis()->port, $server);

sub handshakes { my @n = $front->handshakes; return scalar @n }

# nginx completes such names in place, in the settings of one location
my @equal = (pass => $front->address, redis_ssl => 'on',
    redis_ssl_trusted_certificate => relative(authority()),
    redis_ssl_crl => relative(revocation_list()),
    redis_ssl_certificate => relative($sealed->{crt}),
    redis_ssl_certificate_key => relative($sealed->{key}),
    redis_ssl_password_file => $opens);

test 'equal locations',
    config => join('', map { location("= /equal$_", @equal) } 1 .. 5)
        . location('= /prefix', @equal, redis_key_prefix => 'x:')
        . location('= /passwords', @equal,
                   redis_ssl_password_file => temp_file("x\nopen says me\n"))
        . location('= /depth', @equal, redis_ssl_verify_depth => 2)
        . location('= /crl', @equal, redis_ssl_crl => undef),
    sub {
        for (map({ "equal$_" } 1 .. 5), 'prefix') {
            like(post(location => "/$_")->body, qr/"Payload":"record of /, $_);
            is(handshakes(), 1, "$_: shares the connection");
        }

        my $n = 1;
        for (qw(passwords depth crl)) {
            like(post(location => "/$_")->body, qr/"Payload":"record of /, $_);
            is(handshakes(), ++$n, "$_: has its own");
        }
    };

run_tests();
