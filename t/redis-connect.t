# How connections to Redis are made: addresses, credentials, database, the name,
# refusals and what becomes of them once the operator has mended the cause.

use lib 't/lib';
use SealKM;
use SealKM::Load;

my $RECORD = 'seal:km:v2x.example:service';
my $PASSWORD = q(p w;{}$-x"\\'#ok);
my $QUOTED = '"' . $PASSWORD =~ s/(["\\])/\\$1/gr . '"';

my $open = start_redis();
my $locked = start_redis(requirepass => $PASSWORD);
my $acl = start_redis(login => [ 'admin', 'adminpw' ], acl => <<'END');
user default off
user admin on >adminpw ~* &* +@all
user least on >leastpw ~seal:km:* +get
user chooser on >chooserpw ~seal:km:* +get +select
user named on >namedpw ~seal:km:* +get +client|setname
user other on >otherpw ~other:* +get
END

$_->set($RECORD, 'K') for $open, $locked, $acl;

for ($open, $acl) {
    $_->command('SELECT', 5);
    $_->set($RECORD, 'K5');
    $_->command('SELECT', 0);
}

# how often the log has this
sub logged { my ($pattern) = @_; return scalar grep { $_ =~ $pattern } error_log() }

# the names of the clients, once there are so many
sub names {
    my ($redis, $n) = @_;
    my @names;
    wait_for(sub { (@names = sort $redis->clients) == $n });
    return "@names";
}

# how many it has taken since it started
sub connections {
    my ($redis) = @_;
    return $redis->command('INFO', 'stats') =~ /connections_received:(\d+)/
           && $1;
}

sub recovers {
    my ($name) = @_;
    ok(wait_for(sub { logged(qr/ answers again/) }), "$name: by itself");
}


test 'addresses',
    config => location('= /tcp')
        . location('= /unix', pass => $open->unix)
        . location('= /default', pass => '127.0.0.9',
                   more => 'add_header X-Upstream $upstream_addr always;'),
    log => [ qr/./ ],      # whatever listens at the default port, or does not
    sub {
        km 'TCP', { location => '/tcp' }, { payload => 'K' };
        km 'unix:', { location => '/unix' }, { payload => 'K' };
        is(names($open, 2), 'nginx-seal-km nginx-seal-km',
           'two addresses, two connections, with their names');

        my $res = post(location => '/default');
        is($res->header('X-Upstream'), '127.0.0.9:6379', 'the default port');
    };


test 'credentials and databases',
    config => location('= /password', pass => $locked->address,
                       redis_password => $QUOTED)
        . location('= /default', pass => $locked->unix, redis_user => 'default',
                   redis_password => $QUOTED)
        . location('= /file', pass => $locked->address,
                   redis_password_file => temp_file("$PASSWORD\n"),
                   redis_connect_timeout => '2s')
        . location('= /no-eol', pass => $locked->address,
                   redis_password_file => temp_file($PASSWORD),
                   redis_connect_timeout => '3s')
        . location('= /least', pass => $acl->address, redis_user => 'least',
                   redis_password => 'leastpw')
        . location('= /chooser', pass => $acl->address, redis_user => 'chooser',
                   redis_password => 'chooserpw', redis_database => 5)
        . location('= /named', pass => $acl->address, redis_user => 'named',
                   redis_password_file => temp_file("namedpw\n"))
        . location('= /five', redis_database => 5)
        . location('= /zero', redis_database => 0)
        . location('= /nobody', redis_database => 4),
    sub {
        km "password: $_", { location => "/$_" }, { payload => 'K' }
            for qw(password default file no-eol);
        is(names($locked, 4), join(' ', ('nginx-seal-km') x 4),
           'password: named');

        km 'a user with +get alone', { location => '/least' },
            { payload => 'K' };
        is(names($acl, 1), '', 'a user with +get alone: no name');

        km 'a user, a database', { location => '/chooser' },
            { payload => 'K5' };
        km 'a user, a file', { location => '/named' }, { payload => 'K' };
        is(names($acl, 3), '  nginx-seal-km', 'a user who may: named');

        for (1 .. 3) {
            km 'no user, a database', { location => '/five' },
                { payload => 'K5' };
            km 'no user, no database', { location => '/zero' },
                { payload => 'K' };
            km 'a database without the record', { location => '/nobody' },
                'not_found';
        }
    };


my $gate = fake_redis(command => { AUTH => sub { (hold('auth'), "+OK\r\n") },
                                   SELECT => sub { (hold('select'), "+OK\r\n") } });
my $mute = fake_redis(command => { AUTH => sub { silence } });
my $nameless = fake_redis(command => { CLIENT => sub {
    "-ERR unknown subcommand 'SETNAME'\r\n" } });

test 'what greets',
    config => location('= /gate', pass => $gate->address, redis_user => 'me',
                       redis_password => 'pw', redis_database => 7)
        . location('= /mute', pass => $mute->address, redis_password => 'pw',
                   redis_timeout => '500ms')
        . location('= /nameless', pass => $nameless->address),
    log => [ qr/SEAL KM Request refused, store_/,
             qr/"127.*" did not answer the greeting/ ],
    sub {
        my @clients = map { client()->send(request(location => '/gate')) } 1, 2;

        ok(wait_for(sub { $gate->count(qr/ CLIENT /) }), 'all is sent at once');
        is(join(' ', map { /^command 1 (.*)/ } $gate->log),
           'AUTH me pw SELECT 7 CLIENT SETNAME nginx-seal-km', 'in this order');

        $gate->release($_) for qw(auth select);
        is(payload($_->response), "record of $RECORD", 'then comes the query')
            for @clients;
        is($gate->count(qr/^command 1 GET/), 2, 'not before');
        is($gate->count(qr/^accept/), 1, 'on one connection');

        km 'AUTH is not answered', { location => '/mute' },
            [ 'store_timeout', 'store_unavailable' ] for 1, 2;
        ok(wait_for(sub { logged(qr/did not answer the greeting/) }), 'logged');

        km 'SETNAME is refused', { location => '/nameless' },
            { payload => "record of $RECORD" };
        is($nameless->count(qr/^accept/), 1, 'which changes nothing');
    };


# each refusal: what is wrong, what the log says, how it is mended
my %case = (
    'no password' => {
        redis => $locked,
        location => { pass => $locked->address },
        log => qr/wants a password: set "seal_km_redis_password"/,
        mend => sub { $locked->command(qw(CONFIG SET requirepass), '') },
        undo => sub { $locked->command(qw(CONFIG SET requirepass), $PASSWORD) },
    },
    'a wrong password' => {
        redis => $locked,
        location => { pass => $locked->address, redis_password => 'Sesame99' },
        log => qr/refused the credentials: check .*seal_km_redis_password/,
        mend => sub { $locked->command(qw(CONFIG SET requirepass Sesame99)) },
        undo => sub { $locked->command(qw(CONFIG SET requirepass), $PASSWORD) },
    },
    'a wrong user' => {
        redis => $acl,
        location => { pass => $acl->address, redis_user => 'Someone9',
                      redis_password => 'Sesame99' },
        log => qr/refused the credentials: check .*seal_km_redis_user/,
        mend => sub { $acl->command(qw(ACL SETUSER Someone9 on >Sesame99
                                       ~seal:km:* +get)) },
    },
    'a database that there is not' => {
        location => { redis_database => 99 },
        log => qr/refused the database: check .*seal_km_redis_database/,
    },
    'a user without +select' => {
        redis => $acl,
        location => { pass => $acl->address, redis_user => 'least',
                      redis_password => 'leastpw', redis_database => 5 },
        log => qr/refused the database: .*the user has \+select/,
        mend => sub { $acl->command(qw(ACL SETUSER least +select)) },
    },
);

for my $name (sort keys %case) {
    my $case = $case{$name};

    test $name,
        config => location('= /km', redis_timeout => seconds(3) . 's',
                           %{ $case->{location} }),
        log => [ qr/SEAL KM Request refused, store_unavailable/, $case->{log} ],
        sub {
            my $redis = $case->{redis} // $open;
            my $before = connections($redis);

            km "$name: a request", {}, 'store_unavailable' for 1 .. 5;
            ok(wait_for(sub { connections($redis) > $before + 3 }),
               "$name: tried again and again");
            km "$name: and later", {}, 'store_unavailable';

            is(logged($case->{log}), 1, "$name: logged once");
            is(logged(qr/Sesame99|leastpw|\bp w;/), 0, "$name: no password");

            return if !$case->{mend};
            $case->{mend}->();
            recovers($name);
            km "$name: mended", {},
                { payload => $case->{location}{redis_database} ? 'K5' : 'K' };
            $case->{undo}->() if $case->{undo};
        };
}


# errors that quote what they were sent
my $quotes = fake_redis(command => {
    AUTH => sub { "-ERR unknown command 'AUTH' with args '@_'\r\n" } });
my $busy = start_redis(args => [ '--maxclients', 2 ]);
my $denied = fake_redis(accept => sub {
    return "-DENIED Redis is running in protected mode\r\n", closing });
$busy->set($RECORD, 'K');

test 'other refusals',
    config => location('= /quotes', pass => $quotes->address,
                       redis_password => 'Sesame99')
        . location('= /busy', pass => $busy->address)
        . location('= /denied', pass => $denied->address)
        . location('= /other', pass => $acl->address, redis_user => 'other',
                   redis_password => 'otherpw'),
    log => [ qr/SEAL KM Request refused, store_/, qr/refused the credentials/,
             qr/too many clients: raise its "maxclients"/,
             qr/refuses this host: see its "protected-mode"/,
             qr/error "NOPERM": its user needs \+get on the keys of "seal_km/ ],
    sub {
        km 'an error that quotes', { location => '/quotes' },
            'store_unavailable' for 1, 2;
        is(logged(qr/Sesame99/), 0, 'an error that quotes: not logged');

        my $client = SealKM::Client->new(port => $busy->port);
        $client->send("PING\r\n");
        km 'too many clients', { location => '/busy' }, 'store_unavailable'
            for 1 .. 3;
        is(logged(qr/too many clients/), 1, 'too many clients: logged once');
        $client->close;
        recovers('too many clients');
        km 'no longer too many', { location => '/busy' }, { payload => 'K' };

        km 'protected mode', { location => '/denied' }, 'store_unavailable'
            for 1 .. 3;
        is(logged(qr/refuses this host/), 1, 'protected mode: logged once');

        km 'no right to the key', { location => '/other' }, 'store_error'
            for 1, 2;
    };

run_tests();
