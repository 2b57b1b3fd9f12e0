# What time it is for a request that has waited for keys, and that it ends once.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;

use Time::HiRes 'sleep';

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K', echo => { ServiceID => 'v2x.example' } });

# the clock shows that time, which is not far away
sub until_time {
    my ($time) = @_;
    return wait_for(sub { Time::HiRes::time() >= $time });
}

my $sims = SealKM::JwksServer->start('rsa');

test 'a wait that is longer than the window',
    http_config => KEYS_ZONE,
    config => net('= /km', window => '3s')
        . net('= /later', window => '3s', jwks_request => '/jwks2')
        . fetches($sims)
        . 'location = /jwks2 { proxy_pass ' . $sims->url . "; }\n",
    sub {
        # where there are no keys yet, and where there are others
        for my $at ('/km', '/later') {
            $sims->keys('rsa2');
            post(%{ with('rsa2', location => $at) }) if $at eq '/later';
            $sims->answer(body => text('rsa'), hold => "go$at" =~ s{/}{}r);
            my $count = $sims->count;

            my $now = time;
            my %set = (
                right    => { body => request_body('Date/Time' => $now) },
                early    => { body => request_body('Date/Time' => $now + 7) },
                expires  => { token => mint(exp => $now + 4) },
                becomes  => { token => mint(nbf => $now + 4),
                              body => request_body('Date/Time' => $now) },
            );
            my %client = map {
                $_ => client()->send(request(via => 1, location => $at,
                                             %{ $set{$_} }))
            } keys %set;

            ok(wait_for(sub { $sims->count > $count }), "$at: a fetch");
            ok(until_time($now + 5.1), "$at: time goes by");
            is(scalar(grep { !waits($_) } values %client), 0, "$at: they wait");
            $sims->release("go$at" =~ s{/}{}r);

            my %want = (right => @ok, becomes => @ok,
                        early => { reason => 'date_time_out_of_window',
                                   echo => { ServiceID => 'v2x.example' } },
                        expires => 'token_expired');
            check("$at: $_", $client{$_}->response, $set{$_}, $want{$_})
                for sort keys %set;
        }
    };


test 'a body that takes its time',
    config => location('= /km', window => '3s'),
    sub {
        for (
            [ 'a time of its end'       => 4, @ok ],
            [ 'a time of its beginning' => 0,
              { reason => 'date_time_out_of_window',
                echo => { ServiceID => 'v2x.example' } } ],
        ) {
            my ($name, $later, $want) = @$_;
            my $from = time;
            my %set = (body => request_body('Date/Time' => $from + $later));
            my $text = request(via => 1, %set);
            my $client = client()->send(substr $text, 0, -10);

            ok(until_time($from + 4.2), "$name: time goes by");
            $client->send(substr $text, -10);
            check($name, $client->response, \%set, $want);
        }
    };


run_tests();
