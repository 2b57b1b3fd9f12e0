# Errors of Redis, in each mode: what each makes of a request, over servers that
# really are in that state where one can be brought there, else over a fake.
# Promise 6 of the Redis topologies; redis-replies.t and redis-connect.t have more
# of them for a single server.

use lib 't/lib';
use SealKM;
my $RECORD = 'seal:km:v2x.example:service';


# ---------------------------------------------------------------- real servers

# it loads 400 kB, a key in 4 ms
my $loading = start_redis(args => [ '--key-load-delay', 4000,
    '--loading-process-events-interval-bytes', 1024, '--rdbcompression', 'no' ]);
$loading->set("other:$_" => 'x' x 1000) for 1 .. 400;
$loading->set($RECORD => 'K');
$loading->command('SAVE');

my $orphan = start_redis(args => [ '--replica-serve-stale-data', 'no' ]);
$orphan->set($RECORD => 'K');

# a node without slots
my $node = start_redis(args => [ '--cluster-enabled', 'yes', '--cluster-port',
                                 free_port() ]);

# one with a bound that is reached: it still answers GET
my $full = start_redis();
$full->set($RECORD => 'K');
$full->command(qw(CONFIG SET maxmemory 1));

my $denied = start_redis();
$denied->set($RECORD => 'K');
$denied->command(qw(ACL SETUSER default resetkeys ~other:*));

my $locked = start_redis(requirepass => 'sesame');
$locked->set($RECORD => 'K');

test 'servers in a bad state',
    config => location('= /loading', pass => $loading->address)
        . location('= /orphan', pass => $orphan->address)
        . location('= /node', pass => $node->address)
        . location('= /full', pass => $full->address)
        . location('= /denied', pass => $denied->address)
        . location('= /locked', pass => $locked->address)
        . location('= /wrong', pass => $locked->address, redis_password => 'x'),
    log => [ qr/Request refused, store_/, qr/LOADING/, qr/MASTERDOWN/,
             qr/CLUSTERDOWN|does not serve this slot/, qr/NOPERM/,
             qr/wants a password/, qr/refused the credentials/ ],
    may_log => [ qr/Redis server "/ ],
    sub {
        km 'before', { location => '/loading' }, { payload => 'K' };
        $loading->kill;
        $loading->restart(loading => 1);
        wait_for(sub { post(location => '/loading')->header('X-Reason')
                       eq 'store_unavailable' });
        km 'LOADING', { location => '/loading' }, 'store_unavailable' for 1, 2;
        ok(wait_for(sub { post(location => '/loading')->status == 200 }),
           'LOADING: and then all is well');

        km 'before', { location => '/orphan' }, { payload => 'K' };
        $orphan->command('REPLICAOF', '127.0.0.1', free_port());
        km 'MASTERDOWN', { location => '/orphan' }, 'store_unavailable'
            for 1, 2;
        $orphan->command(qw(REPLICAOF NO ONE));
        ok(wait_for(sub { post(location => '/orphan')->status == 200 }),
           'MASTERDOWN: and then all is well');

        km 'CLUSTERDOWN', { location => '/node' }, 'store_unavailable' for 1, 2;

        ok(!eval { $full->set(x => 1) }, 'OOM: it is full');
        km 'OOM is not for a GET', { location => '/full' }, { payload => 'K' };

        km 'NOPERM', { location => '/denied' }, 'store_error' for 1, 2;
        km 'NOAUTH', { location => '/locked' }, 'store_unavailable' for 1, 2;
        km 'WRONGPASS', { location => '/wrong' }, 'store_unavailable' for 1, 2;
    };


# -------------------------------------------------------------- in each mode

sub array { return '*' . @_ . "\r\n" . join '', @_ }

my %error = (
    (map { $_ => 'store_unavailable' } qw(LOADING MASTERDOWN CLUSTERDOWN NOAUTH)),
    (map { $_ => 'store_error' } qw(NOPERM WRONGTYPE OOM ERR)),
    # who says so is no master: another one may be, where there is a choice
    READONLY => [ 'store_error', 'store_unavailable' ],
);
my @errors = sort keys %error;

my $mend = temp_dir() . '/mended';

# says the error that the key names, until that is mended
sub fake_data {
    my ($port, %command) = @_;
    return fake_redis(port => $port, command => \%command, get => sub {
        my ($error) = $_[0] =~ /:([A-Z]+):/;
        return -e $mend ? bulk('K') : "-$error as told\r\n";
    });
}

my $port = free_port();
my $single = fake_data(free_port());
my $cluster = fake_data($port, CLUSTER => sub {
    array(array(":0\r\n", ":16383\r\n",
                array(bulk('127.0.0.1'), ":$port\r\n", bulk('x' x 40)))) });
my $master = fake_data(free_port(), ROLE => sub { array(bulk('master'), ":1\r\n", "*0\r\n") });
my $sentinel = fake_redis(command => {
    SENTINEL => sub {
        my @master = ('127.0.0.1', $master->port);
        return array(map { bulk($_) } lc $_[0] eq 'master'
            ? (name => 'keys', ip => $master[0], port => $master[1],
               flags => 'master', 'config-epoch' => 1) : @master);
    },
    SUBSCRIBE => sub { map { array(bulk('subscribe'), bulk($_), ":1\r\n") } @_ },
});

test 'each error, in each mode',
    config => location('= /standalone', pass => $single->address)
        . location('= /cluster', redis_mode => 'cluster',
                   pass => $cluster->address)
        . location('= /sentinel', redis_mode => 'sentinel keys',
                   pass => $sentinel->address),
    log => [ qr/Request refused, store_/,
             map { qr/Redis answered GET with the error "$_"/ } @errors ],
    may_log => [ qr/Redis server "/ ],
    sub {
        for my $mode (qw(standalone cluster sentinel)) {
            for my $error (@errors) {
                my @request = { location => "/$mode",
                                body => { ServiceID => $error } };
                # one that drops its connection is soon there again
                for (1, 2) {
                    km "$mode: $error", @request, { reason => $error{$error} };
                    wait_for(sub {
                        post(location => "/$mode", body => { ServiceID => 'ERR' })
                            ->header('X-Reason') eq 'store_error' });
                }
            }
        }

        # who answers that it is no master is asked about
        my $n = $sentinel->count(qr/ SENTINEL /);
        post(location => '/sentinel', body => { ServiceID => 'READONLY' });
        ok(wait_for(sub { $sentinel->count(qr/ SENTINEL /) > $n }),
           'READONLY: the sentinel is asked again');

        open my $file, '>', $mend or die $!;
        for my $mode (qw(standalone cluster sentinel)) {
            ok(wait_for(sub { post(location => "/$mode")->status == 200 }),
               "$mode: and then all is well");
        }
    };

run_tests();
