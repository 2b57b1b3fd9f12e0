# tools/seal-km-records: many records at once, and a cluster.

use lib 't/lib';
use SealKM;
use SealKM::Cluster;
use SealKM::Sealed;
use SealKM::Tool;

use List::Util 'uniq';

my $redis = start_redis();
my $keys = keygen(temp_dir() . '/keys.json', 'a', 'b');
my $service = 'seal:km:v2x.example:service';

my $config = record_locations($keys);


test 'load and dump',
    config => $config,
    sub {
        $redis->flush;
        my @lines = (
            { ServiceID => 'v2x.example', Record => 'KS' },
            { ServiceID => 'v2x.example', UserID => 'alice', Record => "K\x{e9}\n", EX => 1000 },
            { ServiceID => 'urn:x', DeviceID => 'dev-1', RecordBase64 => 'AAH/', Expires => time + 5000 },
            { ServiceID => 'gone', Record => 'x', Expires => time - 1 },
            { ServiceID => 'empty', Record => '' },
        );
        my $text = join("\n", map { to_json($_) } @lines) . "\n\n";

        for my $with ('', "--key $keys --kid a") {
            $redis->flush;
            my $run = tool($redis, 'load', '-', split(/ /, $with), -in => $text);
            is($run->{status}, 0, "load $with");
            like($run->{err}, qr/^load: 4 of 5 records\n.*1 record had expired/s, 'it tells how far it is');

            my @at = (location => $with ? '/keys' : '/km');
            km "a service $with", { @at }, { payload => 'KS' };
            km "a user $with", { @at, body => { UserID => 'alice' } }, { payload => "K\x{e9}\n" };
            km "a device $with", { location => '/base64', body => { ServiceID => 'urn:x', DeviceID => 'dev-1' } },
                { payload => 'AAH/' };
            km "nothing $with", { @at, body => { ServiceID => 'empty' } }, 'ok';
            km "expired $with", { @at, body => { ServiceID => 'gone' } }, 'not_found';

            my @names = sort split /\n/, $redis->command('EVAL', 'return table.concat(redis.call("KEYS", "*"), "\n")', 0);
            my $state = sub { join ' ', map { $_, int(0.5 + $redis->command('PTTL', $_) / 100_000) } @names };
            my %value = map { $_ => $redis->command('GET', $_) } @names;
            my $before = $state->();

            my $dump = does("dump $with", $redis, 'dump');
            my $opened = does("dump, opened $with", $redis, 'dump', '--key', $keys);
            $redis->flush;
            does("load the dump $with", $redis, 'load', temp_file($dump));
            is($state->(), $before, 'the times to live are the same');
            is((grep { $redis->command('GET', $_) ne $value{$_} } @names), 0, 'and the records');
            $redis->flush;
            does("load what was opened $with", $redis, 'load', temp_file($opened));
            km "a user again $with", { body => { UserID => 'alice' } }, { payload => "K\x{e9}\n" };
            is($state->(), $before, 'the times to live are the same again');
        }

        # one bad line, and nothing is stored
        $redis->flush;
        my $good = to_json($lines[0]);
        for (
            [ 'no JSON', '{', qr/line 2: is no JSON object/ ],
            [ 'no object', '[]', qr/line 2: is no JSON object/ ],
            [ 'no service', '{"Record":"SECRET"}', qr/line 2: has no "ServiceID"/ ],
            [ 'no record', '{"ServiceID":"x"}', qr/needs one of "Record"/ ],
            [ 'both', '{"ServiceID":"x","Record":"SECRET","RecordBase64":""}', qr/needs one of/ ],
            [ 'two identities', '{"ServiceID":"x","UserID":"a","ClientID":"b","Record":"SECRET"}', qr/has two of/ ],
            [ 'another member', '{"ServiceID":"x","Record":"SECRET","TTL":1}', qr/"TTL", which is not known/ ],
            [ 'an empty name', '{"ServiceID":"","Record":"SECRET"}', qr/the ServiceID is empty/ ],
            [ 'a line end in a name', '{"ServiceID":"a\\n","Record":"SECRET"}', qr/control characters/ ],
            [ 'no base64', '{"ServiceID":"x","RecordBase64":"SECRET!"}', qr/is no base64/ ],
            [ 'no time', '{"ServiceID":"x","Record":"SECRET","EX":-1}', qr/"EX" is no whole/ ],
            [ 'a record that is none', '{"ServiceID":"x","Record":["SECRET"]}', qr/no text or number as "Record"/ ],
            [ 'the same twice', $good, qr/line 2: .* is in line 1 already/ ],
        ) {
            my ($name, $line, $like) = @$_;
            my $run = refuses($name, 1, $like, $redis, 'load', temp_file("$good\n$line\n"));
            unlike($run->{err}, qr/SECRET|KS/, "$name: not told");
            is($redis->command('DBSIZE'), 0, "$name: nothing is stored");
        }

        # what cannot be told by a line is left out, and said
        $redis->set($service, sealed($service, 'KS', c => 'C' x 32));
        $redis->set('seal:km:urn:x:service', 'x');
        my $run = tool($redis, 'dump', '--key', $keys);
        is($run->{status}, 1, 'dump: something is left out');
        is($run->{out}, '', 'nothing else is written');
        like($run->{err}, qr/\Q$service\E is encrypted with a key that is not known.*left out/, 'a kid that is not known');
        like($run->{err}, qr/urn:x:service is never asked for.*left out/, 'a name that is none');
    };


sub ttls {
    my ($server, @names) = @_;
    return join ' ', map { $server->command('PEXPIRETIME', $_) } @names;
}

test 'a cluster',
    config => '',
    sub {
        my $cluster = start_cluster();
        my $where = [ '-c', '-p', ($cluster->nodes)[5]->port ];
        my @services = map { "urn:v$_" } 1 .. 30;
        my %name = map { $_ => 'seal:km:' . s/:/%3A/r . ':service' } @services;
        my @masters = $cluster->masters;

        is(scalar(uniq map { $cluster->server($_) } values %name), 3, 'they lie at all masters');
        does('load', $where, 'load', '--key', $keys, '--kid', 'a', '--ex', 10_000,
             temp_file(join "\n", map { to_json({ ServiceID => $_, Record => "K-$_" }) } @services));
        is(does('list', $where, 'list'), join('', map { "$_\n" } sort values %name), 'all of them');
        my $ttls = sub { join ' ', map { ttls($cluster->server($_), $_) } sort values %name };
        my $before = $ttls->();
        is(does('rewrap', $where, 'rewrap', '--key', $keys, '--kid', 'b'), "30 records rewrapped, 0 records left\n", 'all');
        is($ttls->(), $before, 'they live as long as before');
        is(does('verify', $where, 'verify', '--key', $keys), "30 records with b\n0 records that cannot be opened\n", 'all with the other key');
        is(() = does('dump', $where, 'dump', '--key', $keys) =~ /"Record":"K-urn:v\d+"/g, 30, 'dump');
        does('put', $where, 'put', $services[0], '--user', 'x{y}z', -in => 'K');
        is(does('show', $where, 'show', $services[0], '--user', 'x{y}z', '--material'), 'K', 'show');
        does('remove', $where, 'remove', $services[0], '--user', 'x{y}z');
        isnt(tool([ '-c', '-p', $redis->port ], 'list')->{status}, 0, 'one that is none');
    };

run_tests();
