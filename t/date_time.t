# Date/Time and seal_km_window: the greatest distance, either way.

use lib 't/lib';
use SealKM;

use Time::HiRes ();

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my %window = (0 => '0s', 1 => '1s', 5 => undef, 60 => '1m', 3600 => '1h',
              4e9 => '4000000000s');

# Sends a request whose Date/Time is that far from now, within one second of the
# clock; tries again where the second has changed meanwhile.
sub distance {
    my ($window, $distance, $want) = @_;
    my $name = "window $window, " . ($distance < 0 ? '' : '+') . $distance;
    my ($res, %set);

    for (1 .. 20) {
        my $now = Time::HiRes::time();
        Time::HiRes::sleep(int($now) + 1.05 - $now) if $now - int($now) > 0.7
                                                       || $now - int($now) < 0.02;
        my $second = time;
        %set = (location => "/$window",
                body => { 'Date/Time' => $second + $distance });
        $res = SealKM::post(%set);
        last if time == $second;
    }

    return SealKM::check($name, $res, \%set, $want);
}

test 'the window',
    config => join('', map { location("= /$_", window => $window{$_}) }
                       keys %window),
    sub {
        for my $window (sort { $a <=> $b } keys %window) {
            next if $window > 1e6;

            distance($window, $_, { payload => 'K' })
                for 0, map { ($_, -$_) } grep { $_ } $window, int($window / 2);
            distance($window, $_, 'date_time_out_of_window')
                for map { ($_, -$_) } $window + 1, $window + 2, 2 * $window + 60,
                                      $window + 86400;
        }

        # far beyond
        for my $location (qw(/0 /5 /4000000000)) {
            km "$location: Date/Time $_",
                { location => $location, body => { 'Date/Time' => \$_ } },
                'date_time_out_of_window' for
                qw(9223372036854775807 9223372036854775806 9007199254740993),
                '10000000000000', (time + 5e9);
        }

        for my $value (0, 1, 4294967295) {
            km "a window of a century: $value",
                { location => '/4000000000', body => { 'Date/Time' => $value } },
                { payload => 'K' };
            km "the default window: $value", { location => '/5', body => { 'Date/Time' => $value } },
                'date_time_out_of_window';
        }

        # milliseconds, and other units
        km 'milliseconds', { location => '/3600',
                             body => { 'Date/Time' => time . '000' } },
            'malformed_request';
        km 'milliseconds, a number', { location => '/3600',
            body => { 'Date/Time' => \(time . '000') } },
            'date_time_out_of_window';
        km 'microseconds', { location => '/3600',
            body => { 'Date/Time' => \(time . '000000') } },
            'date_time_out_of_window';

        # the same request once more: it is the window that protects, no memory
        my %request = (location => '/60', body => request_body(),
                       token => mint());
        km "the same request, $_",
            { %request }, { payload => 'K', echo => { ServiceID => 'v2x.example' } }
            for 'first', 'again';
    };

run_tests();
