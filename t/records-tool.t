# tools/seal-km-records: what it writes is what the module delivers, and nothing
# of it is seen by others on the way.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::Tool;

use MIME::Base64 'encode_base64';

my $redis = start_redis();
my $keys = keygen(temp_dir() . '/keys.json', 'a', 'b');
my $bytes = record_key_bytes($keys);
my $service = 'seal:km:v2x.example:service';

my $config = record_locations($keys);


test 'put, show, list, remove',
    config => $config,
    sub {
        my $all = join '', map { chr } 0 .. 255;

        $redis->flush;

        for (
            [ 'a service', {}, 'v2x.example:service', 'v2x.example' ],
            [ 'a user', { UserID => 'alice' }, 'v2x.example:user:alice',
              'v2x.example', '--user', 'alice' ],
            [ 'a device', { DeviceID => 'dev-1' }, 'v2x.example:device:dev-1',
              'v2x.example', '--device', 'dev-1' ],
            [ 'a client', { ClientID => 'client-1' }, 'v2x.example:client:client-1',
              'v2x.example', '--client', 'client-1' ],
            [ 'to be escaped', { ServiceID => ':%3A', UserID => 'a:%' },
              '%3A%253A:user:a:%', ':%3A', '--user', 'a:%' ],
            [ 'blanks and quotes', { ServiceID => q(a "b" 'c' \\) }, q(a "b" 'c' \\:service),
              q(a "b" 'c' \\) ],
            [ 'beyond ASCII', { ServiceID => "\x{e9}\x{4e2d}" },
              "\xc3\xa9\xe4\xb8\xad:service", "\xc3\xa9\xe4\xb8\xad" ],
        ) {
            my ($name, $body, $key, @arguments) = @$_;
            my @set = (body => $body, token => { sub => $body->{UserID} // 'alice' });

            does("$name: put", $redis, 'put', @arguments, '--key', $keys, '--kid', 'b', -in => 'K2');
            is($redis->command('EXISTS', "seal:km:$key"), 1, "$name: its name");
            km "$name: opened", { @set, location => '/keys' }, { payload => 'K2' };
            is(post(@set, location => '/keys')->header('X-Kid'), 'b', "$name: the kid");
            is(does("$name: show", $redis, 'show', @arguments, '--material', '--key', $keys),
               'K2', "$name: the material");
            does("$name: remove", $redis, 'remove', @arguments);
            km "$name: removed", { @set }, 'not_found';
        }

        for (
            [ 'all bytes', $all ],
            [ 'nothing', '' ],
            [ 'a zero', '0' ],
            [ 'the end of a line', "x\r\n" ],
            [ 'large', $all x 200 ],
        ) {
            my ($name, $material) = @$_;
            my @expected = length $material ? { payload => encode_base64($material, '') }
                                            : 'ok';
            for (undef, 'a') {
                my @with = defined $_ ? ('--key', $keys, '--kid', $_) : ();
                does("$name: put @with", $redis, 'put', 'v2x.example', '--keep-line-end',
                     @with, -in => $material);
                km "$name: delivered @with", { location => '/base64' }, @expected;
                ok(does("$name: show @with", $redis, 'show', 'v2x.example', '--material',
                        '--key', $keys) eq $material, "$name: shown @with");
            }
        }
        my $shown = does('show', $redis, 'show', 'v2x.example', '--key', $keys);
        like($shown, qr/^form:  encrypted\nkid:   a\n/m, 'what is shown');
        is(length $shown < 300, 1, 'is not the material, unless asked');
        is(does('name', undef, 'name', 'a:b', '--user', 'c:d'), "seal:km:a%3Ab:user:c:d\n", 'name');

        does('put a file', $redis, 'put', 'v2x.example', '--file', temp_file('FILE'));
        km 'of a file', {}, { payload => 'FILE' };
    };


test 'line ends, times to live, what is refused',
    config => $config,
    sub {
        $redis->flush;
        my @put = ('put', 'v2x.example');

        refuses('a line end', 2, qr/--chomp .* --keep-line-end/, $redis, @put, -in => "K\n");
        is($redis->command('DBSIZE'), 0, 'nothing is stored');

        for ([ "K\n", '--chomp', 'K' ], [ "K\r\n", '--chomp', 'K' ], [ "K\n\n", '--chomp', "K\n" ],
             [ "K\n", '--keep-line-end', "K\n" ], [ 'K', '--chomp', 'K' ]) {
            my ($in, $option, $out) = @$_;
            does("a line end, $option", $redis, @put, $option, -in => $in);
            is($redis->command('GET', $service), $out, "what is stored with $option");
        }

        does('EX', $redis, @put, '--ex', 1000, -in => 'K');
        cmp_ok($redis->command('TTL', $service), '>', 900, 'it expires');
        like(does('show', $redis, 'show', 'v2x.example'), qr/^lives: 9\d\d s|^lives: 1000 s/m,
             'and that is shown');
        does('the same time', $redis, @put, '--keepttl', -in => 'K');
        cmp_ok($redis->command('TTL', $service), '>', 900, 'it expires as before');
        does('for ever', $redis, @put, -in => 'K');
        is($redis->command('TTL', $service), -1, 'it does not expire any more');
        like(does('list', $redis, 'list', '--long'), qr/^\Q$service\E\t1 byte\tfor ever$/m, 'a list');

        refuses('no ServiceID', 2, qr/ServiceID is needed/, $redis, 'put', -in => 'K');
        refuses('two', 2, qr/one argument too many/, $redis, 'put', 'a', 'b', -in => 'K');
        refuses('two identities', 2, qr/there can be one/, $redis, @put, '--user', 'a', '--device', 'b');
        refuses('an empty one', 1, qr/the user is empty/, $redis, @put, '--user', '');
        refuses('a control character', 1, qr/control characters/, $redis, 'put', "a\nb", -in => 'K');
        refuses('no UTF-8', 1, qr/is not UTF-8/, $redis, 'put', "\xff", -in => 'K');
        refuses('256 bytes', 1, qr/more than 255/, $redis, 'put', 'x' x 256, -in => 'K');
        refuses('no command', 2, qr/there is no command "get"/, $redis, 'get', 'x');
        refuses('no option of this command', 2, qr/"list" has no --material/, $redis, 'list', '--material');
        refuses('an option that is not known', 2, qr/unknown option: nonesuch/, $redis, 'list', '--nonesuch');
        refuses('no time', 2, qr/seconds above 0/, $redis, @put, '--ex', 0, -in => 'K');
        refuses('several keys', 2, qr/several keys \(a b\)/, $redis, @put, '--key', $keys, -in => 'K');
        refuses('no such key', 1, qr/no key "c"/, $redis, @put, '--key', $keys, '--kid', 'c', -in => 'K');
        refuses('no file of keys', 1, qr/none: No such file/, $redis, @put, '--key', temp_dir() . '/none');
        refuses('no keys', 1, qr/is no JSON/, $redis, @put, '--key', temp_file('x'), -in => 'K');
        refuses('nothing there', 1, qr/is not there/, $redis, 'show', 'nonesuch');
        refuses('nothing to remove', 1, qr/was not there/, $redis, 'remove', 'nonesuch');
        is($redis->command('GET', $service), 'K', 'none of them has changed anything');

        my $run = tool([ '-p', free_port() ], 'list');
        is($run->{status}, 1, 'no Redis');
        like($run->{err}, qr/Could not connect to Redis/, 'and it says so');
        like(tool([ '--nonesuch' ], 'list')->{err}, qr/Unrecognized option/,
             'options that redis-cli does not know');
        like(tool([ '-a', 'x' ], 'list')->{err}, qr/does not belong on a command line/,
             'a password on the command line');
        like(tool([ '-u', 'redis://u:x@127.0.0.1' ], 'list')->{err}, qr/does not belong/,
             'or in a URI');
        like(tool($redis, 'list', '--redis-cli', '/nonesuch')->{err}, qr/cannot be run|has ended/,
             'no redis-cli');

        # what others have put there
        $redis->command('LPUSH', 'seal:km:list:service', 'x');
        $redis->set("seal:km:$_", 'x') for 'urn:v2x:service', '50%:service', "a\nb:service",
            ':service', 'x:user', 'x:service:y';
        $run = tool($redis, 'list', '--long');
        is($run->{status}, 0, 'a list with strange names');
        like($run->{err}, qr/^seal-km-records: \Qseal:km:$_\E is never asked for/m, $_)
            for 'urn:v2x:service', '50%:service', 'a\x0ab:service', ':service', 'x:user',
                'x:service:y';
        unlike($run->{err}, qr/v2x\.example|list:service/, 'the good ones are not told');
        like($run->{out}, qr/^seal:km:list:service\tno String/m, 'and a List is told');
        refuses('a List', 1, qr/is no String/, $redis, 'show', 'list');

        $redis->command('SET', "other\\*?[a]:x:service", 'x');
        is(does('another prefix', $redis, 'list', '--prefix', 'other\*?[a]:'),
           "other\\*?[a]:x:service\n", 'a prefix is no pattern');

        is(run([ 'podchecker', source('tools/seal-km-records') ])->{status}, 0, 'the man page');
        $run = tool(undef, '--help');
        is($run->{status}, 0, '--help');
        like($run->{out}, qr/^    $_\b/m, "$_ is explained") for qw(put show list remove load
            dump name keygen seal open rewrap verify);
    };


# what redis-cli, or anybody else, is told on its command line and in its
# environment; and what a user may do who can do nothing else
test 'secrets, the least user, TLS',
    config => $config,
    sub {
        my $crt = certificate_for(ip => [ '127.0.0.1' ]);
        my $rules = '-@all +ping +get +set +unlink +scan +pttl +strlen +eval';
        like(text_of(source('tools/seal-km-records')), qr/^\Q    $rules\E$/m, 'the least user of the page');
        my $guarded = start_redis(tls => $crt, login => [ 'admin', 'ADMIN' ],
            acl => "user default off\nuser admin on >ADMIN ~* &* +\@all\n"
                 . "user writer on >PASS-SECRET ~seal:km:* resetchannels $rules\n");
        my $told = temp_file('');
        my $spy = redis_cli(qq(open my \$log, '>>', '$told'; print \$log join(' ', \@ARGV, \%ENV), "\\n"; close \$log), '');
        my $where = [ '-p', $guarded->{tls_port}, '--tls', '--cacert', authority(), '--user', 'writer' ];
        my @with = ('--redis-cli', $spy, '--password-file', temp_file("PASS-SECRET\n"));
        my @key = ('--key', $keys, '--kid', 'a');

        does('put', $where, 'put', 'v2x.example', '--ex', 100, @with, -in => 'SECRET-1');
        does('put, encrypted', $where, 'put', 'x', @key, @with, -in => 'SECRET-2');
        does('load', $where, 'load', temp_file('{"ServiceID":"y","Record":"SECRET-3"}'), @key, @with);
        does('list', $where, 'list', '--long', @with);
        does('rewrap', $where, 'rewrap', '--plain', '--key', $keys, '--kid', 'b', @with);
        does('verify', $where, 'verify', '--key', $keys, @with);
        like(does('dump', $where, 'dump', '--key', $keys, @with), qr/SECRET-1.*SECRET-2.*SECRET-3/s, 'all of it is there');
        does('remove', $where, 'remove', 'x', @with);
        is(does('by the environment', $where, 'list', '--redis-cli', $spy, -env => { REDISCLI_AUTH => 'PASS-SECRET' }),
           "seal:km:v2x.example:service\nseal:km:y:service\n", 'as redis-cli has it');

        my $seen = text_of($told);
        is(() = $seen =~ /^/mg, 9, 'what redis-cli is told was seen');
        unlike($seen, qr/SECRET/, 'nothing of it is a secret');
        is((grep { $seen =~ /\Q$_\E/ } map { b64u($_) } values %$bytes), 0, 'nor a record key');

        my $run = tool($where, 'list', '--password-file', temp_file('WRONG-SECRET'));
        is($run->{status}, 1, 'the wrong password');
        like($run->{err}, qr/WRONGPASS|NOAUTH/, 'and it says so');
        unlike($run->{err}, qr/SECRET/, 'but not which');
        $run = tool([ '-p', $guarded->{tls_port} ], 'list');
        isnt($run->{status}, 0, 'without TLS');

        # Redis quotes what it does not know
        my $renamed = start_redis(args => [ '--rename-command', 'SET', '""' ]);
        $run = tool($renamed, 'put', 'x', -in => 'SECRET-4');
        is($run->{status}, 1, 'Redis refuses');
        like($run->{err}, qr/^seal-km-records: Redis refuses SET: ERR$/, 'the material is not told');
    };


run_tests();
