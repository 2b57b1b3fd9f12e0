package SealKM::Certificates;

# Certificates of a test, made at run time, for the suites that speak TLS to
# Redis (SealKM::TLS is for those that speak TLS to nginx).
#
#     authority()                   path of a CA's certificate; more of them by
#     authority('other')            name.  authority('sub', by => 'ca') is one
#                                   that another has signed
#     certificate_for(dns => [ 'localhost' ], ip => [ '127.0.0.1' ])
#                                   { crt =>, key =>, cn => } of a server
#         by => 'sub'               signed by that authority; the file holds what
#                                   is between it and its root, too
#         cn => 'redis'             its subject; "redis" by default
#         days => -1                expired yesterday; 2 by default
#     client_certificate(%same)     the same for a client
#     revocation_list($certificate) path of a list of its CA that names it; and
#                                   without an argument of one that names none
#     encrypted($certificate, 'pw') { crt =>, key => } with the key encrypted

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::SSL::Utils;
use POSIX ();
use SealKM::Util;

our @EXPORT = qw(authority certificate_for client_certificate revocation_list
    encrypted);

my %authority;
my $files = 0;


sub _authority {
    my ($name, %opts) = @_;

    return $authority{ $name //= 'ca' } //= do {
        my $by = $opts{by} && _authority($opts{by});
        my ($cert, $key) = CERT_create(
            CA      => 1,
            purpose => 'cRLSign',
            subject => { CN => "$name of a test" },
            key     => KEY_create_ec('prime256v1'),
            $by ? (issuer => [ $by->{cert}, $by->{key} ]) : (),
            %{ _validity(2) });

        { cert => $cert, key => $key, name => $name,
          pem  => PEM_cert2string($cert),
          # what a server sends besides its own certificate: not a root
          chain => $by ? PEM_cert2string($cert) . $by->{chain} : '',
          file => temp_file(PEM_cert2string($cert), "authority.$name.crt") };
    };
}


# an hour's grace for clocks that are set back while a test runs
sub _validity {
    my ($days) = @_;
    return { not_before => time - 3600 - ($days < 0 ? -2 * $days * 86400 : 0),
             not_after  => time + $days * 86400 };
}


sub authority { return _authority(@_)->{file} }


sub certificate_for {
    my (%opts) = @_;
    my $by = _authority($opts{by});
    my $cn = $opts{cn} // 'redis';
    my @alt = ((map { [ DNS => $_ ] } @{ $opts{dns} // [] }),
               (map { [ IP => $_ ] } @{ $opts{ip} // [] }));

    my ($cert, $key) = CERT_create(
        subject => { CN => $cn },
        key     => KEY_create_ec('prime256v1'),
        issuer  => [ $by->{cert}, $by->{key} ],
        purpose => $opts{purpose} // 'server',
        @alt ? (subjectAltNames => \@alt) : (),
        %{ _validity($opts{days} // 2) });

    my $n = ++$files;
    my %set = (cn => $cn, by => $by->{name}, days => $opts{days},
        crt => temp_file(PEM_cert2string($cert) . $by->{chain}, "tls$n.crt"),
        key => temp_file(PEM_key2string($key), "tls$n.key"));

    CERT_free($cert);
    KEY_free($key);
    return \%set;
}


sub client_certificate {
    return certificate_for(cn => 'nginx', purpose => 'client', @_);
}


sub _openssl {
    my (@args) = @_;
    my $log = temp_dir() . '/openssl.log';

    defined(my $pid = fork) or die "fork: $!";

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec { 'openssl' } 'openssl', @args or POSIX::_exit(1);
    }

    waitpid $pid, 0;
    die "openssl $args[0]: see $log\n" if $?;
    return;
}


sub revocation_list {
    my ($certificate) = @_;
    my $by = _authority($certificate ? $certificate->{by} : undef);
    my $n = ++$files;
    my $dir = temp_dir() . "/crl$n";

    mkdir $dir or die "$dir: $!";
    my $key = temp_file(PEM_key2string($by->{key}), "crl$n.key");
    my $config = temp_file(<<"END", "crl$n.conf");
[ca]
default_ca = own
[own]
database = $dir/index
default_md = sha256
default_crl_days = 2
END
    temp_file('', "crl$n/index");

    my @ca = ('ca', '-config', $config, '-cert', $by->{file}, '-keyfile', $key);
    _openssl(@ca, '-revoke', $certificate->{crt}) if $certificate;
    _openssl(@ca, '-gencrl', '-out', "$dir/crl");
    return "$dir/crl";
}


sub encrypted {
    my ($certificate, $password) = @_;
    my $key = temp_dir() . '/tls' . ++$files . '.key';

    _openssl('pkcs8', '-topk8', '-in', $certificate->{key}, '-out', $key,
             '-passout', "pass:$password");
    return { %$certificate, key => $key };
}


1;
