# seal_km_record_digest_key, $seal_km_record_digest: what a log may say of the
# record that was delivered.

use lib 't/lib';
use SealKM;
use SealKM::Sealed;

use Digest::SHA 'hmac_sha256_hex';

my $redis = start_redis();
my $service = 'seal:km:v2x.example:service';
my $secret = '0123456789abcdef';
my $long = $secret x 1000;

my $more = 'add_header X-Digest "[$seal_km_record_digest]" always;';
sub secret_file {
    my $file = temp_file(@_);
    chmod 0600, $file;
    return $file;
}

my @with = map { (record_digest_key => secret_file($_), more => $more) }
    $secret, "$secret\n", "$secret\r\n", "$secret\n\n";

sub digest { return substr hmac_sha256_hex($_[1], $_[0]), 0, 16 }

sub digest_is {
    my ($want, $name, %request) = @_;
    is(post(%request)->header('X-Digest'), "[$want]", $name);
}

test 'the digest',
    config => location('= /km', @with[0 .. 3])
        . location('= /lf', @with[4 .. 7]) . location('= /crlf', @with[8 .. 11])
        . location('= /lflf', @with[12 .. 15])
        . location('= /base64', @with[0 .. 3], payload => 'base64')
        . location('= /sealed', @with[0 .. 3], record_keys => record_keys(a => 'A' x 32))
        . location('= /long', record_digest_key => secret_file($long), more => $more)
        . location('= /none', more => $more),
    log => [ qr/refused, payload_invalid/, qr/refused, record_invalid/, qr/record ".*" is not/ ],
    sub {
        digest_is('', 'no record');
        for my $record ('K1', 'K2', '', "caf\xc3\xa9", 'x' x 100_000) {
            $redis->set($service, $record);
            digest_is(digest($secret, $record), length($record) . ' bytes');
        }

        $redis->set($service, 'K1');
        digest_is(digest($secret, 'K1'), 'a line end', location => '/lf');
        digest_is(digest($secret, 'K1'), 'two bytes of it', location => '/crlf');
        digest_is(digest("$secret\n", 'K1'), 'only one', location => '/lflf');
        digest_is(digest($long, 'K1'), 'a long key', location => '/long');
        digest_is(digest($secret, 'K1'), 'of the record, not of base64',
                  location => '/base64');
        digest_is('', 'without the directive', location => '/none');
        digest_is('', 'refused', body => { UserID => 'bob' });
        digest_is('', 'not decrypted', location => '/sealed');

        $redis->set($service, sealed($service, 'K1', a => 'A' x 32));
        digest_is(digest($secret, 'K1'), 'of what was encrypted', location => '/sealed');

        $redis->set($service, "\xff");
        digest_is('', 'not delivered');
    };


test 'the file',
    config => location('= /km', @with[0 .. 3]),
    sub {
        my ($status, $output) = nginx_t(config => location('= /km',
            record_digest_key => secret_file("0123456789abcde\n")));
        isnt($status, 0, 'too short');
        like($output, qr/"seal_km_record_digest_key" file ".*" has 15 bytes, at least 16 are needed in CONF:\d+/, 'why');

        ($status, $output) = nginx_t(config => location('= /km',
            record_digest_key => temp_dir() . '/none'));
        isnt($status, 0, 'no file');
        like($output, qr/"seal_km_record_digest_key" file ".*none" /, 'why');
    };

run_tests();
