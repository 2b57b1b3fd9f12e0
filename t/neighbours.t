# Beside other modules: nginx loads all of them into one space of names, and some
# bring the libraries that we use, in other releases. What ours gives and takes
# there, and an exchange with every module that Debian packages for this nginx
# loaded before ours, or after it.

use lib 't/lib';
use SealKM;
use SealKM::Neighbours;

use Cwd 'abs_path';
use File::Basename 'dirname';

my $top = dirname(dirname(abs_path($0)));
my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my $module = $ENV{SEAL_KM_MODULE} || 'build/ngx_http_seal_km_module.so';
my @ok = ({ payload => 'K' });


# -------------------------------------------------------------------- symbols

# (names that are defined, names that are not) in the dynamic table
sub symbols {
    my ($path) = @_;
    my (@given, @taken);

    for (`nm -D $path`) {
        my ($type, $name) = /(\w) (\S+)$/ or die "nm: $_";
        push @{ $type =~ /[Uvw]/ ? \@taken : \@given }, $name;
    }

    return (\@given, \@taken);
}

if ($module ne 'none') {
    my ($given, $taken) = symbols($module);

    is("@{[ sort @$given ]}",
       'ngx_http_seal_km_module ngx_module_names ngx_module_order ngx_modules',
       'what the module gives to others is what nginx wants of it');

    # of libssl, which nginx links, no version is known
    is(join(' ', grep { !/^(?:ngx_(?!http_seal_km)|SSL_)|\@GLIBC|\@OPENSSL_/
                        && !/^(?:_ITM_|__gmon_start__|__cxa_finalize)/ } @$taken), '',
       'what it takes is nginx\'s, OpenSSL\'s and the C library\'s');
    cmp_ok(scalar(grep { /^ngx_/ } @$taken), '>', 50, 'symbols were listed');

    unlike(join(' ', `objdump -p $module` =~ /NEEDED \s+ (\S+)/gx), qr/(?:hiredis|jansson|jwt)/,
           'no shared library of those that are inside');
}


# ------------------------------------------------------------ changed libraries

# a build that is finished, if there is one
my ($makefile) = grep { -f "$_/ngx_http_seal_km_module.so" }
                 map { "build/nginx-$_" } qw(gcc clang);

if ($module ne 'none' && $makefile) {
    my $source = $ENV{NGINX_SRC} || '/usr/share/nginx/src';
    my $make = sub {
        my $folder = abs_path($makefile);
        return scalar `env -u MAKEFLAGS -u MAKELEVEL make -n -C $source \\
                       -f $folder/Makefile @_ modules 2>&1`;
    };
    my $text = do { local (@ARGV, $/) = "$makefile/Makefile"; <> };
    my ($link) = $text =~ /(-o \S+seal_km_module\.so.*?)\n\n/s or die 'no link';
    my @archives = $link =~ m{(/\S+/lib(?:hiredis|jansson|jwt)\.a)\b}g;

    is(scalar @archives, 3, 'three libraries are linked in as archives');
    ok($make->() !~ / -o /, 'nothing is to be done');
    ok($make->("-W $_") =~ /-o \S+seal_km_module\.so/,
       'built anew when it changes: ' . s{.*/}{}r) for @archives;
}

# configured anew where another one might be found
for my $name (qw(JANSSON HIREDIS LIBJWT)) {
    my $prefix = temp_dir() . "/prefix-$name";
    my $lib = { JANSSON => 'libjansson', HIREDIS => 'libhiredis',
                LIBJWT => 'libjwt' }->{$name};
    my $listed = sub {
        return scalar `top=$top $name\_PREFIX=$prefix bash -c '. $top/tools/libraries.sh; libraries'`;
    };
    mkdir $_ for $prefix, "$prefix/lib";
    my %seen = ($listed->() => 1);

    for my $text (qw(a b)) {
        open my $file, '>', "$prefix/lib/$lib.a" or die $!;
        print $file $text;
        close $file;
        ok(!$seen{ $listed->() }++, "$name\_PREFIX: another library, $text");
    }
}


# ------------------------------------------------------------------- neighbours

my $skip = no_neighbours(map { "ngx_$_" } qw(nchan http_lua http_js http_perl
    http_headers_more_filter http_srcache_filter http_modsecurity));
my $load = load_neighbours();
my $ours = main_config();
my $port = $redis->port;
my @noise = (qr/LuaJIT|resty\.core|nchan|nginx\.net|ModSecurity|Nchan/i);

for my $order ([ 'before ours', $load . $ours ], [ 'after ours', $ours . $load ]) {
    local $ENV{SEAL_KM_MODULE} = 'none';

    test "all modules of Debian's, $order->[0]",
        skip => $skip,
        main_config => $order->[1],
        http_config => "variables_hash_max_size 4096;
                        upstream nchan { nchan_redis_server redis://127.0.0.1:$port; }\n",
        log => [ qr/\[error\].*payload_invalid/ ],
        may_log => \@noise,
        config => location('= /km')
            . location('= /json', payload => 'json')
            . 'location = /publish { nchan_publisher; nchan_channel_id x;
                                     nchan_redis_pass nchan; }
               location = /subscribe { nchan_subscriber longpoll;
                                       nchan_subscriber_first_message oldest;
                                       nchan_channel_id x; nchan_redis_pass nchan; }',
        sub {
            my $nchan = sub {
                my ($text) = @_;
                my $c = client();
                $c->send("POST /publish HTTP/1.1\r\nHost: a\r\nContent-Length: "
                         . length($text) . "\r\nConnection: close\r\n\r\n$text");
                my $published = $c->response;
                ok($published && $published->status =~ /^20[012]$/,
                   "nchan publishes $text through Redis");
            };

            # nchan connects in its own time
            wait_for(sub {
                $redis->command('CLIENT', 'LIST') =~ /name=nchan|cmd=(?:subscribe|eval)/i;
            });

            for my $round (1, 2) {
                km "a record, $round", {}, @ok;
                km "none, $round", { body => { ServiceID => 'none' } }, 'not_found';
                km "no JSON, $round", { location => '/json' }, 'payload_invalid';
                $nchan->("message $round");
            }

            my $c = client();
            $c->send("GET /subscribe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            my $res = $c->response;
            is($res && $res->body, 'message 1', 'nchan delivers');
            km 'a record at last', {}, @ok;
        };
}


# ------------------------------------------- modules that store or edit responses

test 'srcache and headers-more',
    skip => $skip,
    main_config => $load,
    http_config => "variables_hash_max_size 4096;\n",
    may_log => \@noise,
    config => location('= /km', more => 'srcache_methods POST;
                  srcache_fetch GET /none; srcache_store PUT /store;')
        . location('= /set', more => 'more_set_headers "Cache-Control: public";')
        . location('= /clear', more => 'more_clear_headers Cache-Control;')
        . 'location = /plain { srcache_methods POST; srcache_fetch GET /none;
                               srcache_store PUT /store;
                               proxy_pass http://127.0.0.1:' . server_port()
        . '/fine; }
           location = /fine { return 200 "fine"; }
           location = /none { internal; return 404; }
           location = /store { internal; proxy_pass http://127.0.0.1:'
        . server_port() . '/stored/$arg_x; }
           location /stored { return 201; }',
    sub {
        is(post(location => '/plain?x=1')->body, 'fine', 'a response to store');
        ok(wait_for(sub { grep { m{PUT /stored} } access_log() }),
           'srcache stores it');

        my $stored = sub { return scalar grep { m{PUT /stored} } access_log() };
        my $n = $stored->();

        for my $round (1 .. 3) {
            km "a record, $round", {}, @ok;
            km "a bad token, $round", { token => 'x' }, 'token_malformed';
        }

        is(post(location => '/plain?x=1')->body, 'fine', 'another');
        ok(wait_for(sub { $stored->() > $n }), 'it is stored too');
        is($stored->(), $n + 1, 'but none of ours was');

        km "headers-more, $_", { location => $_ }, @ok for qw(/set /clear);
    };


# ------------------------------------------------ modules that take a body first

test 'Lua, which reads, replaces or throws away',
    skip => $skip,
    main_config => $load,
    http_config => "variables_hash_max_size 4096;\n",
    log => [ qr/\[error\].*was read or discarded before/,
             qr/\[error\].*SEAL KM Request refused, internal_error/ ],
    may_log => \@noise,
    config => location('= /km', window => '1h') . location('@km', window => '1h')
        . 'location = /read { content_by_lua_block {
               ngx.req.read_body() ngx.exec("@km") } }
           location = /set { content_by_lua_block {
               ngx.req.read_body()
               local body = ngx.req.get_body_data():gsub("nobody", "v2x.example")
               ngx.req.set_body_data(body)
               ngx.exec("@km") } }
           location = /discard { content_by_lua_block {
               ngx.req.discard_body() ngx.exec("@km") } }
           location = /capture { content_by_lua_block {
               ngx.req.read_body()
               local r = ngx.location.capture("/km", {
                   method = ngx.HTTP_POST, always_forward_body = true })
               ngx.status = r.status
               ngx.print(r.body) } }
           location = /own { content_by_lua_block {
               ngx.req.read_body()
               local body = ngx.req.get_body_data():gsub("nobody", "v2x.example")
               local r = ngx.location.capture("/km", {
                   method = ngx.HTTP_POST, body = body })
               ngx.status = r.status
               ngx.print(r.body) } }',
    sub {
        my %echo = (echo => { ServiceID => 'v2x.example' });
        my $other = request_body(ServiceID => 'nobody');
        my @chunked = (headers => [ 'Transfer-Encoding' => 'chunked' ]);
        my $chunk = sub { sprintf "%x\r\n%s\r\n0\r\n\r\n", length $_[0], $_[0] };

        km 'read', { location => '/read', body => request_body() },
            { payload => 'K', %echo };
        km 'read, chunked', { location => '/read', @chunked,
            body => $chunk->(request_body()) }, { payload => 'K', %echo };
        km 'replaced by a longer one', { location => '/set', body => $other },
            { payload => 'K', %echo };

        for my $location (qw(/capture /own)) {
            my $res = post(location => $location,
                           body => $location eq '/own' ? $other : request_body());
            is($res->status, 200, "$location: status");
            like($res->body, qr/"Payload":"K"/, "$location: a record");
        }

        # all of it was there, or it is still to come
        my ($head, $body) = split /(?<=\r\n\r\n)/,
            request(location => '/discard', via => 1, body => request_body()), 2;

        for my $sent (0, 20, length $body) {
            my $c = client();
            $c->send($head . substr $body, 0, $sent);
            my $res = $c->response;
            like($res && $res->header('X-Reason'),
                 qr/^(?:internal_error|malformed_request)\z/,
                 "thrown away, $sent bytes came");
        }

        like(post(location => '/discard', headers => [ @{ $chunked[1] } ],
                  body => $chunk->(request_body()))->header('X-Reason'),
             qr/^(?:internal_error|malformed_request)\z/, 'thrown away, chunked');
        km 'at the end', {}, @ok;
    };

run_tests();
