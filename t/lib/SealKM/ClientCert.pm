package SealKM::ClientCert;

# Certificates for clients, made anew for each run.
#
#     my $cert = client_cert('device');              self-signed
#     my $ca = client_cert('ca', ca => 1);
#     my $cert = client_cert('device', by => $ca);   issued by it
#     $cert->{crt}, $cert->{key}      paths of PEM files
#     $cert->{der}                    the certificate's bytes
#     $cert->{thumbprint}             as in cnf's x5t#S256
#     tls_with($cert)                 options for SealKM::Client: tls => {...}

use strict;
use warnings;

use Digest::SHA qw(sha256);
use Exporter 'import';
use MIME::Base64 qw(encode_base64url decode_base64);
use SealKM::Util;

our @EXPORT = qw(client_cert tls_with);

my $n = 0;


sub client_cert {
    my ($name, %set) = @_;
    my $base = temp_dir() . '/client' . ++$n;
    my $by = $set{by};

    my @command = ('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', 2, '-subj', "/CN=$name",
        '-out', "$base.crt", '-keyout', "$base.key",
        '-addext', 'basicConstraints=critical,CA:' . ($set{ca} ? 'TRUE' : 'FALSE'),
        $by ? ('-CA', $by->{crt}, '-CAkey', $by->{key}) : ());

    system("@{[ map { quotemeta } @command ]} >$base.log 2>&1") == 0
        or die "openssl req: see $base.log\n";

    open my $file, '<', "$base.crt" or die "$base.crt: $!";
    my $text = do { local $/; <$file> };
    $text =~ /-----BEGIN CERTIFICATE-----(.*?)-----END/s or die "no PEM\n";
    my $der = decode_base64($1);

    return {
        crt        => "$base.crt",
        key        => "$base.key",
        der        => $der,
        thumbprint => encode_base64url(sha256($der), ''),
    };
}


sub tls_with {
    my ($cert) = @_;

    return { $cert ? (SSL_cert_file => $cert->{crt}, SSL_key_file => $cert->{key})
                   : () };
}


1;
