# timer_resolution: nginx's own idea of the time may be old then; what is judged
# by the time is judged by the clock.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::Watch;

use Time::HiRes 'sleep';

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });

# nothing of nginx's looks at the clock meanwhile
sub until_time {
    my ($time) = @_;
    return wait_for(sub { Time::HiRes::time() >= $time });
}

test 'timer_resolution',
    main_config => "timer_resolution 60s;\n",
    http_config => "seal_km_zone name=z 1m;\n",
    config => location('= /km', window => '3s')
        . watched('= /kept', window => '3s', zone => 'z'),
    sub {
        my $from = time;
        my $expires = mint(exp => $from + 4);
        my $begins = mint(nbf => $from + 4);

        for my $at (qw(/km /kept)) {
            my @at = (location => $at);
            km "$at: before exp", { token => $expires, @at }, { payload => 'K' };
            km "$at: before nbf", { token => $begins, @at }, 'token_not_yet_valid';
        }

        ok(until_time($from + 4.1), 'time goes by');

        # nothing has had nginx look at the clock since
        km 'a request of now, the first one', {}, @ok;

        for my $at (qw(/km /kept)) {
            my @at = (location => $at);
            km "$at: after exp", { token => $expires, @at }, 'token_expired';
            km "$at: after nbf", { token => $begins, @at }, @ok;
            km "$at: a request of now", { @at }, @ok;
            km "$at: a request of then", { @at, body => { 'Date/Time' => $from } },
                'date_time_out_of_window';
        }

        my ($before, $res, $after) = (time, post(), time);
        my $told = $res->json->{'Date/Time'};
        ok($told >= $before && $told <= $after, 'a response tells the time')
            or diag("$before $told $after");
    };

# A request that waits for keys is judged later than nginx has looked at the clock.
my $sims = SealKM::JwksServer->start('rsa');

test 'keys that come after exp',
    main_config => "timer_resolution 60s;\n",
    http_config => KEYS_ZONE,
    config => net('= /km') . fetches($sims),
    sub {
        $sims->answer(body => text('rsa'), hold => 'go');
        my $from = time;

        my %set = (expires => { token => mint(exp => $from + 3) },
                   begins => { token => mint(nbf => $from + 3) });
        my %client = map {
            $_ => client()->send(request(via => 1, location => '/km', %{ $set{$_} }))
        } sort keys %set;

        ok(wait_for(sub { $sims->count == 1 }), 'a fetch');
        ok(until_time($from + 3.1), 'time goes by');
        is(scalar(grep { !waits($_) } values %client), 0, 'they wait');
        $sims->release('go');

        check('after exp', $client{expires}->response, $set{expires},
              'token_expired');
        check('after nbf', $client{begins}->response, $set{begins}, @ok);
    };

run_tests();
