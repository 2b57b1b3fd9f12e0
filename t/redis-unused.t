# A server of an upstream that nginx's balancer does not choose any more, as one
# whose address has changed: nobody says so, but its connections do not stay for
# ever.

use lib 't/lib';
use SealKM;

use Time::HiRes 'sleep';

my %fake = map { my $name = $_; $name => fake_redis(get => sub { bulk($name) }) }
    qw(a b);

sub open_at {
    my ($fake) = @_;
    return $fake->count(qr/^accept/) - $fake->count(qr/^close/);
}

# which of them serves that client
sub serves {
    my ($client) = @_;
    return post(headers => [ 'X-Client' => $client ])->json->{Payload} // '';
}

test 'unused for more than a minute',
    http_config => 'upstream both { hash $http_x_client; ' . join('', map {
        'server ' . $fake{$_}->address . '; ' } sort keys %fake) . '}',
    config => location('= /km', pass => 'both', redis_connections => 2),
    sub {
        my %client;
        $client{ serves($_) } //= $_ for 1 .. 50;
        is(join(' ', sort keys %client), 'a b', 'both are used');
        is(open_at($fake{a}), 2, 'connections to one of them');

        ok(wait_for(sub {
            sleep 0.5;
            serves($client{b});
            return open_at($fake{a}) == 0;
        }, 300), 'are closed, once only the other one is used');
        is($fake{b}->count(qr/^accept/), 2, 'whose connections stay');

        is(serves($client{a}), 'a', 'it is used again when it is chosen');
    };

run_tests();
