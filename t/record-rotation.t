# Another record key, and the way from plain records to encrypted ones, as
# docs/records.md tells them: with requests going on, of which none is refused.

use lib 't/lib';
use SealKM;
use SealKM::Load;
use SealKM::Metrics;
use SealKM::Sealed;
use SealKM::Tool;
use SealKM::Traffic;

my $redis = start_redis();
my @services = map { sprintf 'v%02d', $_ } 1 .. 30;
my $more = 'add_header X-Kid $seal_km_record_kid always;';

# all requests so far, and that there were some
sub none_refused {
    my ($traffic) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @results = $traffic->stop;

    is(scalar(grep { $_->{reason} ne 'ok' } @results) ? tally(@results) : '', '',
       'none was refused');
    is((grep { $_->{payload} ne "K-$_->{service}" } @results), 0,
       'each had the record of its service');
    cmp_ok(scalar @results, '>', 50, 'of many');
}

sub reload_and_wait {
    my ($traffic, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok(gone(reload()), "$what: reloaded");
    ok(answered($traffic, 30), "$what: requests go on");
}

# records delivered so far, in that form
sub delivered { return metrics()->{"seal_km_records_total{form=\"$_[0]\"}"} }

# the same by the access log: kid => how many, those that were refused left out
my $log = temp_dir() . '/kids.log';

sub logged {
    my %n;
    open my $file, '<', $log or die "$log: $!";
    /^kid "(.*)" ok$/ and $n{$1}++ while <$file>;
    return \%n;
}

# true once a time goes by in which records are delivered, and none is that $unused
# counts; those that were asked for before may still be on their way
sub unused_by {
    my ($traffic, $unused) = @_;

    return wait_for(sub {
        my ($n, $encrypted) = ($unused->(), delivered('encrypted'));
        goes_on($traffic, 0.3);
        return $unused->() == $n && delivered('encrypted') > $encrypted;
    });
}

# which keys the records have that are delivered now: "a 10, b 20"
sub kids {
    my %n;
    $n{ post(body => { ServiceID => $_ })->header('X-Kid') // '' }++ for @services;
    return join ', ', map { "$_ $n{$_}" } sort keys %n;
}

sub one_key {
    my ($file, $kid) = @_;
    my ($jwk) = grep { $_->{kid} eq $kid } @{ from_json(text_of($file))->{keys} };

    open my $out, '>', $file or die "$file: $!";
    print $out to_json({ keys => [ $jwk ] });
    close $out or die "$file: $!";
}


my $http = "seal_km_zone name=rotation 1m;\n"
    . "log_format kid 'kid \"\$seal_km_record_kid\" \$seal_km_reason';\n";

sub config {
    my ($lines, %set) = @_;
    return location('= /km', zone => 'rotation', %set,
                    more => "access_log $log kid;\n$more\n$lines")
        . metrics_at('= /metrics', 'rotation');
}


my $keys = keygen(temp_dir() . '/rotated.json', 'a');

test 'another key',
    master => 1,
    http_config => $http,
    config => config('', record_keys => $keys),
    log => [ qr/\[error\].*is encrypted with a key that is not known, its "kid" is "a"/,
             qr/\[error\].*record_invalid/ ],
    sub {
        my @key = ('--key', $keys);
        $redis->flush;
        does('the records', $redis, 'load', @key, '-', -in => join "\n", map {
            to_json({ ServiceID => $_, Record => "K-$_", EX => 5000 }) } @services);
        my $old = $redis->command('GET', 'seal:km:v01:service');
        is(kids(), 'a 30', 'the first key');

        my $traffic = traffic(\@services, location => '/km', rate => 100, width => 10);

        does('a second key', undef, 'keygen', $keys, '--add', '--kid', 'b');
        reload_and_wait($traffic, 'both keys');
        is(kids(), 'a 30', 'the first key is still used');
        does('a new record has the new key', $redis, 'put', 'v02', @key, '--kid', 'b',
             '--keepttl', -in => 'K-v02');
        is(kids(), 'a 29, b 1', 'that is seen');
        is(does('rewrap', $redis, 'rewrap', @key, '--kid', 'b'),
           "29 records rewrapped, 0 records left\n", 'the others');
        is(kids(), 'b 30', 'the first key is no longer used');
        ok(unused_by($traffic, sub { logged()->{a} }),
           'the log and the metrics say so, while it is still in the file');
        my $first = logged()->{a};
        is(does('verify', $redis, 'verify', @key),
           "30 records with b\n0 records that cannot be opened\n", 'nor is there a record with it');
        is((grep { $redis->command('TTL', "seal:km:$_:service") < 4000 } @services), 0,
           'they live as long as before');
        one_key($keys, 'b');
        reload_and_wait($traffic, 'the second key');
        none_refused($traffic);
        my $last;
        ok(wait_for(sub {
            $last = logged();
            return $last->{a} + $last->{b} == delivered('encrypted');
        }), 'the metrics count each that the log has');
        is($last->{a}, $first, 'none with the first key since then');
        is(delivered('plain'), 0, 'and none was plain');

        $redis->set('seal:km:v01:service', $old);
        km 'then the first key opens nothing', { body => { ServiceID => 'v01' } }, 'record_invalid';
    };


my $new = keygen(temp_dir() . '/migrated.json', 'm');
my $include = temp_file('');

sub configured {
    my (@lines) = @_;
    open my $file, '>', $include or die "$include: $!";
    print $file map { "$_;\n" } @lines;
    close $file or die "$include: $!";
}

test 'from plain records to encrypted ones',
    master => 1,
    http_config => $http,
    config => config("include $include;"),
    log => [ qr/\[error\].*is not encrypted as records have to be/,
             qr/\[error\].*record_invalid/ ],
    sub {
        my @key = ('--key', $new);
        $redis->flush;
        $redis->set("seal:km:$_:service", "K-$_", 'EX', 5000) for @services;
        is(kids(), ' 30', 'plain records');

        my $traffic = traffic(\@services, location => '/km', rate => 100, width => 10);

        configured("seal_km_record_keys $new", 'seal_km_record_plaintext on');
        reload_and_wait($traffic, 'keys, and plain ones allowed');
        does('a new record is encrypted', $redis, 'put', 'v02', @key, '--keepttl', -in => 'K-v02');
        is(kids(), ' 29, m 1', 'that is seen');
        is(tool($redis, 'verify', @key)->{status}, 1, 'verify tells of the plain ones');
        is(does('rewrap', $redis, 'rewrap', '--plain', @key, '--kid', 'm'),
           "29 records rewrapped, 0 records left\n", 'the others');
        is(kids(), 'm 30', 'none is plain');

        ok(unused_by($traffic, sub { delivered('plain') }), 'the metrics say that plain ones are not delivered any more');
        cmp_ok(delivered('plain'), '>', 30, 'as they were before');
        does('verify', $redis, 'verify', @key);
        is((grep { $redis->command('TTL', "seal:km:$_:service") < 4000 } @services), 0,
           'they live as long as before');
        configured("seal_km_record_keys $new");
        reload_and_wait($traffic, 'plain ones not allowed any more');
        none_refused($traffic);

        $redis->set('seal:km:v01:service', 'K-v01');
        km 'then a plain one is refused', { body => { ServiceID => 'v01' } }, 'record_invalid';
    };

run_tests();
