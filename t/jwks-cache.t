# proxy_cache in front of a SIM-S: the example of docs/directives.md as it stands
# there, with what real SIM-Ss send along with their keys.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;

use Cwd 'abs_path';
use File::Basename 'dirname';
use IO::Compress::Gzip 'gzip';

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my $none = { reason => 'token_key', keyless => 1 };

# the example: a line for http, and a location
my $page = do {
    # t/ may be a folder of links
    my $path = dirname(abs_path(__FILE__)) . '/../docs/directives.md';
    open my $file, '<', $path or die "$path: $!";
    local $/;
    <$file>;
};
my ($path_line, $location) = $page =~
    /^```nginx\n(proxy_cache_path [^;]*;)[^\n]*\n.*?^(location = \S+ \{.*?^\})\n/ms
    or die "no example in docs/directives.md\n";

my ($uri) = $location =~ /^location = (\S+)/;

# for one SIM-S, in a folder of its own
my $folders = 0;

sub example {
    my ($sims, $name) = @_;
    my $http = $path_line;
    my $text = $location;
    my $folder = temp_dir() . '/cache' . ++$folders;
    my $url = $sims->url;

    $http =~ s{proxy_cache_path \S+}{proxy_cache_path $folder} or die;
    $http =~ s/keys_zone=[\w-]+:/keys_zone=$name:/ or die;
    $text =~ s/^( *proxy_cache) [\w-]+;/$1 $name;/m or die;
    $text =~ s/^ *proxy_ssl_\w+ [^;]*;\n//gm;
    $text =~ s{proxy_pass https://[^;]*;}{proxy_pass $url;} or die;
    $text =~ s/^location = \S+/location = \/$name/ or die;
    return ($http . "\n", $text . "\n");
}

sub zipped { my ($text) = @_; gzip(\$text => \my $out) or die; return $out }


my $day = 86400;

# what some send, and how what they send is written down
my %sends = (
    'nothing more'        => [],
    'max-age, for a day'  => [ 'Cache-Control' => "public, max-age=$day" ],
    'no-cache'            => [ 'Cache-Control' => 'no-cache' ],
    'no-store'            => [ 'Cache-Control' => 'no-store, must-revalidate',
                               Pragma => 'no-cache' ],
    'private'             => [ 'Cache-Control' => 'private, max-age=600' ],
    'Expires, far off'    => [ Expires => 'Thu, 31 Dec 2037 23:55:55 GMT' ],
    'Expires, long ago'   => [ Expires => 'Thu, 01 Jan 1970 00:00:00 GMT' ],
    'a cookie'            => [ 'Set-Cookie' => 'JSESSIONID=1; Secure' ],
    'Vary'                => [ Vary => 'Accept-Encoding, Origin' ],
    'Vary: *'             => [ Vary => '*' ],
    'X-Accel-Expires'     => [ 'X-Accel-Expires' => $day ],
    'X-Accel-Expires: 0'  => [ 'X-Accel-Expires' => 0 ],
    'X-Accel-Redirect'    => [ 'X-Accel-Redirect' => '/elsewhere' ],
    'all of it'           => [ 'Cache-Control' => "max-age=$day", Vary => '*',
                               'Set-Cookie' => 'a=b', 'X-Accel-Redirect' => '/x',
                               Expires => 'Thu, 01 Jan 1970 00:00:00 GMT',
                               'X-Accel-Expires' => 0 ],
    'compressed'          => [ 'Content-Encoding' => 'gzip',
                               Vary => 'Accept-Encoding' ],
);

my @names = sort keys %sends;
my %sims = map { $_ => SealKM::JwksServer->start('rsa') } @names;
my %part = map { $names[$_] => [ example($sims{ $names[$_] }, "sims$_") ] }
    0 .. $#names;

sub publish {
    my ($name, @keys) = @_;
    my $text = text(@keys);
    my @headers = @{ $sends{$name} };

    $text = zipped($text) if grep { $_ eq 'gzip' } @headers;
    $sims{$name}->answer(body => $text, headers => [ @headers ]);
}

test 'a SIM-S that sends what it sends',
    master => 1,
    http_config => KEYS_ZONE . join('', map { $part{$_}[0] } @names),
    config => join('', map {
            net("= /km$_", jwks_request => "/sims$_", jwks_cooldown => '1s')
            . $part{ $names[$_] }[1] } 0 .. $#names),
    may_log => [ qr/\[(?:error|warn)\].*(?:upstream|jwks)/ ],
    sub {
        for my $n (0 .. $#names) {
            publish($names[$n], 'rsa');
            km "$names[$n]: keys", with('rsa', location => "/km$n"), @ok;

            publish($names[$n], 'rsa', 'rsa2');
            ok(until_reason('ok', with('rsa2', location => "/km$n")),
               "$names[$n]: a new key is found");
        }

        # each in its own way; what there was is on disk
        my @bad = ([ status => 500 ], [ status => 502 ], [ status => 503 ],
                   [ status => 504 ], [ raw => '' ], [ raw => "HTTP/1.1 200 OK\r\nX\0: y\r\n\r\n" ]);
        $sims{ $names[$_] }->answer(body => 'sorry', @{ $bad[ $_ % @bad ] })
            for 0 .. $#names - 1;
        $sims{ $names[-1] }->down;

        my @old = reload();
        for my $n (0 .. $#names) {
            km "$names[$n]: a worker that begins in bad times",
                with('rsa2', location => "/km$n"), @ok;
        }
        ok(gone(@old), 'the old one exits');

        $sims{ $names[-1] }->up;
        for my $n (0 .. $#names) {
            publish($names[$n], 'ec256');
            ok(until_reason('ok', with('ec256', location => "/km$n")),
               "$names[$n]: and then all is well");
        }
    };


run_tests();
