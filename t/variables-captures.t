# $1 is the location's own, whatever maps with groups match beside it, for this
# module's texts and for nginx's own that come behind.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my $groups = '(.)' x 20;

my $maps = <<"END";
map \$seal_km_claim_role \$p { default km; ~^admin-(.*)-(.*)\$ x; }
map "\$p:\$1" \$rule { default 1; "km:secret" 0; }
map "\$1:\$p" \$rule_too { default 1; "secret:km" 0; }
map \$seal_km_claim_role \$piece { default -; ~^admin-(.*)-(.*)\$ \$2; }
map \$seal_km_claim_role \$plain { default 0; ~^admin 1; }
map \$http_x_foreign \$foreign { default -; "~^(.)(.*)\$" f; }
map \$seal_km_claim_role \$many { default 0; "~^$groups" 1; }
limit_req_zone \$p\$rule zone=req:64k rate=10000r/s;
END

my %uri = (uri => '"sip:$p-$1@example.com"', first => '"sip:$1-$p@example.com"',
           piece => '"sip:$1-$piece-$1@example.com"',
           foreign => '"sip:$1-$foreign-$1@example.com"',
           plain => '"sip:$plain-$1@example.com"',
           many => '"sip:$many$1-$p@example.com"');
my $logged = temp_dir() . '/captures.log';
my $header = "add_header X-A \"\$p-\$1\" always;\naccess_log $logged captures;\n";
my $again = "limit_req zone=req burst=1000 nodelay;\nset \$early \"\$p\$rule\";\n";

test 'captures of the location',
    # a log_format takes no $1 but by a map
    http_config => $maps . "map '' \$behind { default \$p-\$1; }\n"
        . "log_format captures '\$request_uri \$behind \$rule';\n",
    config => join('', map {
            my $name = $_;
            location("~ ^/$name/(.+)\$", require => '$rule $rule_too',
                     user_uri => $uri{$name}, more => $header)
            . location("~ ^/early-$name/(.+)\$", require => '$rule $rule_too',
                       user_uri => $uri{$name}, more => $again . $header)
            # nginx itself takes new captures for whoever has subrequests
            . location("~ ^/sub-$name/(.+)\$", require => '$rule $rule_too',
                       user_uri => $uri{$name}, more =>
                       "auth_request /read;\n$again$header")
        } sort keys %uri) . 'location = /read { return 200 $p$rule; }',
    sub {
        my %want = (uri     => [ 'km-%s', 'x-%s' ],
                    first   => [ '%s-km', '%s-x' ],
                    piece   => [ '%s---%1$s', '%s-b-%1$s' ],
                    foreign => [ '%s-f-%1$s', '%s-f-%1$s' ],
                    plain   => [ '0-%s', '1-%s' ],
                    many    => [ '0%s-km', '1%s-x' ]);

        for my $name (sort keys %want) {
            for my $at ($name, "early-$name", "sub-$name") {
                for my $text ('a', 'abc' x 60) {
                    my @set = (location => "/$at/$text",
                               headers => [ 'X-Foreign' => 'foreign' ]);
                    my $long = 'a' x 40;
                    my $uri = sub { 'sip:' . sprintf($want{$name}[$_[0]], $text)
                                    . '@example.com' };

                    km "$at: no match", { @set, token => { role => 'guest' } },
                        { payload => 'K', user_uri => $uri->(0) };
                    km "$at: a match",
                        { @set, token => { role => "admin-$long-b" } },
                        { payload => 'K', user_uri => $uri->(1) };
                }

                km "$at: what is refused", {
                    location => "/$at/secret",
                    headers => [ 'X-Foreign' => 'foreign' ],
                    token => { role => 'guest' } },
                    { reason => 'policy', user_uri => 'sip:'
                      . sprintf($want{$name}[0], 'secret') . '@example.com' };
            }
        }

        my @lines;

        for my $at (map { ($_, "early-$_", "sub-$_") } qw(uri first)) {
            for my $role ([ guest => 'km' ], [ 'admin-b-c' => 'x' ]) {
                is(post(location => "/$at/abc", token => { role => $role->[0] })
                   ->header('X-A'), "$role->[1]-abc",
                   "$at, $role->[0]: nginx's own header");
                push @lines, "/$at/abc $role->[1]-abc 1\n";
            }
        }

        my @written;
        wait_for(sub { open my $log, '<', $logged or return;
                       @written = grep { m{^/\S+/abc } } <$log>;
                       return @written >= @lines });
        is(join('', @written), join('', @lines), "nginx's own log");
    };

# A request in slices: each slice but the first is a copy of the request, which
# shares its captures, and is to take new ones for the next expression. That of the
# second would else be left to the third.
my $slices = temp_dir() . '/slices.log';
my $file = temp_file('x' x 10, 'slices.txt');
chmod 0755, temp_dir();
my $port = server_port();

test 'captures of a request in slices',
    http_config => <<'END' . "log_format slices '\$request_uri';\n",
map "$seal_km_claim_role$arg_x" $sliced { volatile; default -; ~^(..)(.*)$ x; }
map "$slice_range:$arg_x" $second { volatile; default -; "~^bytes=4-7:(..)(.*)$" f; }
END
    config => <<"END" . location('= /km'),
location ~ ^/slice/(.+)\$ {
    slice 4;
    proxy_set_header Range \$slice_range;
    proxy_set_header X-Second \$second;
    proxy_pass http://127.0.0.1:$port/file?p=\$sliced&first=\$1&x=\$arg_x&slice=\$slice_range;
    access_log $slices slices;
}
location = /file {
    alias $file;
    access_log $slices slices;
}
END
    sub {
        my $c = client();
        $c->send("GET /slice/abc?x=yz9 HTTP/1.1\r\nHost: a\r\n\r\n");
        is($c->response->body, 'x' x 10, 'all of it');
        my @lines;
        ok(wait_for(sub { open my $log, '<', $slices or return;
                          (@lines = <$log>) == 4 }), 'in three slices');
        is(join(' ', map { m{^/file\?p=x&first=abc&} ? 'right' : $_ }
                     grep { m{^/file} } @lines), 'right right right',
           '$1 of each slice is that of its location');
    };

run_tests();
