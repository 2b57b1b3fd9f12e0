# Beside ModSecurity, which looks at each request of a server, also at those that
# nginx makes for itself: Debian's libnginx-mod-http-modsecurity.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::Neighbours;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });

my $skip = no_neighbours('ngx_http_modsecurity');

my $rules = "modsecurity on;\nmodsecurity_rules '
SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess On
SecRule REQUEST_URI \"\@contains forbidden\" \"id:1,phase:1,deny,status:403\"
SecRule REQUEST_BODY \"\@contains attack\" \"id:2,phase:2,deny,status:403\"
SecRule REQUEST_LINE \"\@rx ^\$\" \"id:3,phase:1,deny,status:403\"
';\n";

my $sims = SealKM::JwksServer->start('rsa');
my $args = SealKM::JwksServer->start('rsa');

for my $level (qw(http server)) {
    test "on in $level",
        skip => $skip,
        log => [ qr/\[error\].*ModSecurity: Access denied/ ],
        main_config => load_neighbours('ngx_http_modsecurity'),
        http_config => KEYS_ZONE . ($level eq 'http' ? $rules : ''),
        config => ($level eq 'server' ? $rules : '')
            . net('= /km', jwks_cooldown => '1s')
            . net('= /args', jwks_request => '/jwks2?a=b')
            . fetches($sims)
            . 'location = /jwks2 { proxy_pass ' . $args->url . "; }\n",
        sub {
            $sims->keys('rsa');
            km 'not a token', { token => 'a.b.c' }, 'token_malformed';
            km 'keys are fetched', with('rsa'), @ok;
            km 'with arguments', with('rsa', location => '/args'), @ok;
            km 'an unknown key', with('rsa2'), 'token_key';
            $sims->keys('rsa2');
            ok(wait_for(sub { post(%{ with('rsa2') })->status == 200 }),
               'a new key is found');
            is(post(%{ with('rsa2', body => { x => 'attack' }) })->status, 403,
               'ModSecurity looks at what clients send');
        };
}

run_tests();
