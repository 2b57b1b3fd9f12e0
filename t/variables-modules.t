# njs, Lua and perl beside this module: batches of subrequests, whose variables
# nginx shares; what they read, what they assign, and what is theirs alone.

use lib 't/lib';
use SealKM;
use SealKM::Neighbours;

my $redis = start_redis();
$redis->set("seal:km:$_:service", "K-$_") for 'v2x.example', 'police.example';

my $skip = no_neighbours(qw(ndk_http ngx_http_js ngx_http_lua ngx_http_perl));

my $js = temp_file(<<'END', 'batch.js');
function body(service) {
    return JSON.stringify({ Version: '1.0.0', ServiceID: service,
                            SKmsUri: 'https://skm-s.example/seal-km',
                            'Date/Time': Math.floor(Date.now() / 1000) });
}

function ask(r, service) {
    return r.subrequest(r.args.at, { method: 'POST', body: body(service) });
}

function tell(replies) {
    return replies.map(function (reply) {
        let answer = JSON.parse(reply.responseText);
        return reply.status + ' ' + answer.ServiceID + ' '
               + (answer.UserUri || '-') + ' ' + (answer.Payload || '-');
    }).join('\n');
}

function batch(r) {
    let replies = [];
    let services = r.args.services.split(',');

    function next() {
        if (replies.length == services.length) {
            r.return(200, tell(replies));
            return;
        }
        ask(r, services[replies.length]).then(function (reply) {
            replies.push(reply);
            next();
        });
    }

    next();
}

function all(r) {
    let services = r.args.services.split(',');

    Promise.all(services.map(function (service) { return ask(r, service); }))
        .then(function (replies) { r.return(200, tell(replies)); });
}

let n = 0;
function ticket() { return String(++n); }
function role(r) { return r.variables.seal_km_claim_role == 'admin' ? '1' : '0'; }
function by_map(r) { return r.variables.is_admin; }
function assign(r) { r.variables.may = '0'; return 'x'; }

export default { batch, all, ticket, role, by_map, assign };
END

my $lua = <<'END';
local function body(service)
    return '{"Version":"1.0.0","SKmsUri":"https://skm-s.example/seal-km",'
        .. '"ServiceID":"' .. service .. '","Date/Time":' .. ngx.time() .. '}'
end

local reply = {}
for service in string.gmatch(ngx.var.arg_services, "[^,]+") do
    local res = ngx.location.capture(ngx.var.arg_at, {
        method = ngx.HTTP_POST, body = body(service), OPTION = true })
    local function member(name)
        return string.match(res.body, '"' .. name .. '":"([^"]*)"') or "-"
    end
    table.insert(reply, res.status .. " " .. member("ServiceID") .. " "
                        .. member("UserUri") .. " " .. member("Payload"))
end
ngx.print(table.concat(reply, "\n"))
END

my $maps = <<'END';
map "$seal_km_claim_group:$seal_km_service_id" $may_read {
    default 0; "road:v2x.example" 1; "police:police.example" 1; }
map $may_read $may_too { default $may_read; }
map $seal_km_service_id $scope { default seal:km; police.example seal:police; }
map $seal_km_service_id $user { default sip:a; police.example sip:police; }
map $seal_km_claim_role $is_admin { default 0; admin 1; }
limit_req_zone $may_too$scope$user zone=req:64k rate=10000r/s;
END

my $services = location('= /rule', require => '$may_read')
    . location('= /chain', require => '$may_too')
    . location('= /scope', scope => '$scope')
    . location('= /uri', user_uri => '$user')
    . location('= /limited', require => '$may_too',
               more => 'limit_req zone=req burst=1000 nodelay; set $x $may_too;');

# services that are asked for in one request, and what each is to become
sub batches {
    my ($at, @more) = @_;
    my ($v2x, $police) = qw(v2x.example police.example);
    my %reply = (
        rule    => { $v2x => "200 $v2x alice K-$v2x",
                     $police => "403 $police alice -" },
        scope   => { $v2x => "200 $v2x alice K-$v2x",
                     $police => "403 $police alice -" },
        uri     => { $v2x => "200 $v2x sip:a K-$v2x",
                     $police => "200 $police sip:police K-$police" },
    );
    $reply{$_} = $reply{rule} for qw(chain limited);

    for my $where (sort keys %reply) {
        for my $list ([ $v2x, $police ], [ $police, $v2x ],
                      [ $v2x, $police, $v2x, $police ]) {
            my $res = post(location => "$at?at=/$where&services="
                           . join(',', @$list), token => { group => 'road' });
            is($res->body, join("\n", map { $reply{$where}{$_} } @$list),
               "$at: " . join(', ', $where, @$list));
        }
    }
}


test 'njs: subrequests of one request',
    skip => $skip,
    main_config => load_neighbours('ngx_http_js'),
    http_config => "js_import batch from $js;\n$maps",
    config => $services . 'location = /batch { js_content batch.batch; }
        location = /all { js_content batch.all; }
        location = /early { set $x $may_too$scope$user; js_content batch.batch; }
        location = /limit { limit_req zone=req burst=1000 nodelay;
                            js_content batch.batch; }',
    sub { batches("/$_") for qw(batch all early limit) };


my @options = qw(share_all_vars copy_all_vars);

test 'Lua: subrequests of one request',
    skip => $skip,
    main_config => load_neighbours(qw(ndk_http ngx_http_lua)),
    http_config => $maps,
    config => $services . join('', map {
        my $option = $_;
        "location = /$option { set \$x \$may_too\$scope\$user;
            content_by_lua_block { " . ($lua =~ s/OPTION/$option/r) . " } }\n"
    } @options),
    sub { batches("/$_") for @options };


my $perl = <<'END';
perl_set $ticket_perl 'sub { return ++$main::tickets }';
perl_set $role_perl 'sub { my $r = shift;
    return $r->variable("seal_km_claim_role") eq "admin" ? 1 : 0 }';
perl_set $none_perl 'sub { my $r = shift;
    return $r->variable("seal_km_claim_role") eq "admin" ? 1 : undef }';
perl_set $map_perl 'sub { return $_[0]->variable("is_admin") }';
END

test 'what other modules have made',
    skip => $skip,
    main_config => load_neighbours(qw(ndk_http ngx_http_js ngx_http_lua
                                      ngx_http_perl)),
    http_config => "js_import batch from $js;\n$maps$perl" . <<'END',
js_set $ticket_js batch.ticket;
js_set $role_js batch.role;
js_set $map_js batch.by_map;
js_set $assign_js batch.assign;
perl_set $assign_perl 'sub { $_[0]->variable("may", "0"); return "x" }';
map $seal_km_claim_role $may { default 1; }
map "$seal_km_claim_role:$ticket_js:$ticket_perl" $with_tickets { default 1; }
END
    config => join('', map {
            location("= /$_", require => "\$$_", more => "set \$early \$$_;\n")
            . location("= /late_$_", require => "\$$_")
        } qw(role_js map_js role_perl map_perl))
        # nothing, at first
        . location('= /none', require => '$none_perl',
                   more => 'set $early $none_perl; auth_request /yes;
                            auth_request_set $none_perl 0;')
        . "location = /yes { return 204; }\n"
        . location('= /none_early', require => '$none_perl',
                   more => 'set $early $none_perl;')
        . location('= /tickets', require => '$is_admin $with_tickets $may',
                   more => 'set $early $is_admin$with_tickets$may;
                            add_header X-Tickets "$ticket_js $ticket_perl $with_tickets";
                            add_header X-Early $early;')
        . join('', map {
            my ($name, $how) = @$_;
            location("= /$name", require => '$may',
                     more => "set \$early \$may;\n$how\n")
        } [ js => 'set $x $assign_js;' ], [ perl => 'set $x $assign_perl;' ],
          [ lua => 'access_by_lua_block { ngx.var.may = "0" }' ],
          [ lua_set => 'set_by_lua_block $may { return 0 }' ],
          [ lua_reads => 'access_by_lua_block { local may = ngx.var.may }' ]),
    sub {
        for my $name (map { ($_, "late_$_") }
                      qw(role_js map_js role_perl map_perl)) {
            km "$name: fulfilled", { location => "/$name",
                                     token => { role => 'admin' } },
                { payload => 'K-v2x.example' };
            km "$name: not fulfilled", { location => "/$name" }, 'policy';
        }

        my @tickets = map {
            my $res = post(location => '/tickets', token => { role => 'admin' });
            $res->header('X-Tickets');
        } 1 .. 3;
        is_deeply(\@tickets, [ '1 1 1', '1 2 1', '1 3 1' ],
                  'a ticket is drawn once for a request (njs begins anew)');

        km "$_: what it assigned stays", { location => "/$_" }, 'policy'
            for qw(js perl lua lua_set);
        km 'what was assigned over nothing stays', { location => '/none',
            token => { role => 'admin' } }, 'policy';
        km 'nothing at first, fulfilled', { location => '/none_early',
            token => { role => 'admin' } }, { payload => 'K-v2x.example' };
        km 'nothing at first, and later', { location => '/none_early' }, 'policy';
        km 'Lua only reads', { location => '/lua_reads' },
            { payload => 'K-v2x.example' };
    };

run_tests();
