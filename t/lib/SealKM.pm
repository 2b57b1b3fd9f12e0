package SealKM;

# What the tests of ngx_http_seal_km_module are written with, on top of
# Test::Nginx::Socket.  A test file looks like this:
#
#     use lib 't/lib';
#     use SealKM;
#
#     my $redis = start_redis();
#     $redis->set('seal:km:v2x.example:service', 'K1');
#
#     test 'one nginx and what is asked of it',
#         config => location('= /km') . location('= /json', payload => 'json'),
#         sub {
#             km 'a record of a service', {}, { payload => 'K1' };
#             km 'a token past its exp', { token => { exp => time - 9 } },
#                 'token_expired';
#         };
#
#     run_tests();
#
# test() takes sections of Test::Nginx (config, http_config, main_config,
# post_main_config, must_die ...), and
#     master => 1         with a master process
#     log => [ qr/.../ ]  what must be in the error log.  Lines of level warn and
#                         above that none of these match fail the test, and so
#                         do those that nginx logs when it exits
#     may_log => [ qr// ] what may be there, or not
#     skip => 'why'
# nginx runs as TEST_NGINX_BINARY, TEST_NGINX_USE_VALGRIND, TEST_NGINX_EVENT_TYPE,
# TEST_NGINX_RANDOMIZE ... tell Test::Nginx.  The module is $SEAL_KM_MODULE,
# build/ngx_http_seal_km_module.so by default.
#
# km NAME, REQUEST, EXPECTED sends one request and compares all of the response:
# status, headers, each member, their order, the reason.  REQUEST is a hash:
#     location            '/km'
#     method              'POST'
#     type                Content-Type; undef for none
#     token               mint() options (array or hash), or the text itself
#     auth                the whole Authorization value; undef for none
#     body                request_body() options (array or hash), or the text
#     headers             more of them: [ name => value, ... ]
#     via                 a SealKM::Client, kept open; by default a new one
#     client              options for a new SealKM::Client: port, tls ...
# EXPECTED is a reason, or a hash with what differs from what REQUEST leads to:
#     reason              'ok'; an array where one is as good as another
#     as                  the reason of the table that a word of one's own, as
#                         reason, stands for
#     payload             none; the value, \'raw JSON' for a byte-wise comparison
#     echo                { ServiceID =>, ClientID => ... }; those of body
#     user_uri            the token's sub, else its client_id; undef: none
#     unread              1 where not even the token was looked at
#     skms_uri, skms_id   SKMS_URI, none
#     status, code        what the table says for the reason
#     authenticate        parameters of WWW-Authenticate, { scope => 'a b' }
#     keyless             1: the server has no key for any token, and says so
#     retry               of rate_limited: Retry-After; any number of seconds

use strict;
use warnings;

use Exporter ();
use POSIX ();
use SealKM::Client;
use SealKM::Config;
use SealKM::FakeRedis;
use SealKM::JSON;
use SealKM::Keys;
use SealKM::Redis;
use SealKM::Util;
use Test::More;
use Time::HiRes ();

# What ends in the middle of its tests has failed, whatever was right until then:
# it has no plan, and nobody else is to be stopped ("Bail out!" tells prove to).
# Test::Nginx does the latter where nginx does not start, at load already.
BEGIN {
    no warnings 'redefine';

    *Test::Builder::BAIL_OUT = sub {
        my ($self, $reason) = @_;

        $self->ok(0, 'bailed out');
        $self->diag($reason);
        exit 255;
    };
}

# it and Test::Base want to be imported; run_tests() is another one here
{ package SealKM::Nginx; use Test::Nginx::Socket; }

my @own = qw(test run_tests km post check request request_body client
    start_redis fake_redis reason_status server_port error_log access_log
    master_pid);

sub import {
    no strict 'refs';    ## no critic (ProhibitNoStrict): that is how one exports
    my $caller = caller;

    strict->import;
    warnings->import;

    *{"${caller}::$_"} = \&{"SealKM::$_"}
        for @own, @SealKM::Config::EXPORT, @SealKM::FakeRedis::EXPORT,
            @SealKM::JSON::EXPORT, @SealKM::Keys::EXPORT, @SealKM::Util::EXPORT,
            qw(ok is isnt like unlike is_deeply cmp_ok pass fail diag note);
}


# reason, status, ErrorCode, in the order of the checks; the number is the row
my @REASONS = (
    [ 1,  'tls_required',             403, '04' ],
    [ 2,  'early_data',               425, '04' ],
    [ 3,  'method_not_allowed',       405, '04' ],
    [ 4,  'not_acceptable',           406, '04' ],
    [ 4,  'unsupported_media_type',   415, '04' ],
    [ 5,  'request_too_large',        413, '04' ],
    (map { [ 6, "token_$_",           401, '03' ] }
        qw(missing malformed algorithm key signature expired not_yet_valid
           issuer audience binding type)),
    [ 7,  'malformed_request',        400, '04' ],
    [ 7,  'unsupported_version',      400, '04' ],
    [ 7,  'rate_limited',             429, '01' ],
    [ 8,  'insufficient_scope',       403, '04' ],
    [ 9,  'skms_uri_mismatch',        403, '04' ],
    [ 10, 'date_time_out_of_window',  403, '04' ],
    [ 11, 'identity_mismatch',        403, '04' ],
    [ 11, 'policy',                   403, '04' ],
    [ 12, 'not_found',                404, '02' ],
    (map { [ 13, $_,                  500, '01' ] }
        qw(store_unavailable store_timeout store_error payload_invalid
           record_invalid internal_error)),
    [ 14, 'ok',                       200, undef ],
);

my %REASON = map { $_->[1] => $_ } @REASONS;

sub reason_status { return $REASON{ $_[0] }[2] }


# ---------------------------------------------------------------- requests

# the JSON text of a request; options are its members: undef for none, \'raw
# JSON'; '+' => 'text' comes before the closing brace
sub request_body {
    my (@set) = @_;
    my %set = @set;
    my @order = ('Version', 'SKmsUri', 'ServiceID', 'Date/Time');

    # others in the order in which they are given
    for (my $i = 0; $i < @set; $i += 2) {
        my $name = $set[$i];
        push @order, $name if $name ne '+' && !grep { $_ eq $name } @order;
    }

    my %member = (Version => '1.0.0', SKmsUri => SKMS_URI,
                  ServiceID => 'v2x.example', 'Date/Time' => time, %set);

    my $text = object(map { $_ => $member{$_} } @order);
    $text =~ s/\}\z/,$set{'+'}}/ if defined $set{'+'};
    return $text;
}


sub _options { return ref $_[0] eq 'ARRAY' ? @{ $_[0] } : %{ $_[0] // {} } }


# the bytes of an HTTP request
sub request {
    my (%set) = @_;
    my $body = $set{body} // {};
    my $token = $set{token} // {};

    $body = request_body(_options($body)) if ref $body;
    $token = mint(_options($token)) if ref $token && !exists $set{auth};

    my $auth = exists $set{auth} ? $set{auth} : "Bearer $token";
    my $type = exists $set{type} ? $set{type} : 'application/json';
    my @headers = @{ $set{headers} // [] };

    my $text = sprintf "%s %s HTTP/1.1\r\nHost: localhost\r\n",
        $set{method} // 'POST', $set{location} // '/km';

    $text .= "Connection: close\r\n" if !$set{via};
    $text .= "Authorization: $auth\r\n" if defined $auth;
    $text .= "Content-Type: $type\r\n" if defined $type;
    $text .= 'Content-Length: ' . length($body) . "\r\n"
        if !grep { /^(?:Content-Length|Transfer-Encoding)$/i } @headers;

    while (my ($name, $value) = splice @headers, 0, 2) {
        $text .= "$name: $value\r\n";
    }

    return "$text\r\n$body";
}


sub client { return SealKM::Client->new(port => server_port(), @_) }


# sends the request and returns the response
sub post {
    my (%set) = @_;
    my $client = $set{via} || client(%{ $set{client} // {} });

    $client->send(request(%set));
    my $res = $client->response(head => ($set{method} // '') eq 'HEAD');
    die "more than a response\n" if $client->pending;
    return $res;
}


# --------------------------------------------------------------- responses

# what a response is to look like, as lines of text; the lines of a response
# that checks are compared with these
sub _expected {
    my ($set, $want) = @_;
    my $reason = $want->{reason} // 'ok';
    my ($row, undef, $status, $code) = @{ $REASON{ $want->{as} // $reason }
                                          or die "unknown reason: $reason" };

    my %body = ref($set->{body} // {}) ? _options($set->{body}) : ();
    my %token = ref($set->{token} // {}) ? _options($set->{token}) : ();
    my $claims = claims(%token);
    my %echo = $want->{echo} ? %{ $want->{echo} } : (
        ($body{'+'} || !ref($set->{body} // {}) ? ()
                                                : (ServiceID => 'v2x.example')),
        map { $_ => $body{$_} } grep { exists $body{$_} }
            qw(ServiceID ClientID DeviceID UserID));
    %echo = () if $row < 6;

    my $authenticate = $want->{authenticate} // (
        $status == 401 ? { $reason eq 'token_missing' || $want->{keyless} ? () :
                           (error => 'invalid_token') } :
        $reason eq 'insufficient_scope' ? { error => $reason, scope => SCOPE } :
        undef);

    my @members = (
        UserUri     => $want->{unread} || $row <= 6 ? undef :
                       exists $want->{user_uri} ? $want->{user_uri} :
                       $claims->{sub} // $claims->{client_id},
        SKmsUri     => $want->{skms_uri} // SKMS_URI,
        ServiceID   => $echo{ServiceID},
        SKmsID      => $want->{skms_id},
        (map { $_ => $echo{$_} } qw(ClientID DeviceID UserID)),
        'Date/Time' => \'now',
        ErrorCode   => exists $want->{code} ? $want->{code} : $code,
        Payload     => $want->{payload},
    );

    my @lines = ($want->{status} // $status, "reason: $reason",
                 'type: application/json', 'cache: no-store');

    push @lines, 'authenticate: ' . _parameters({ realm => 'SEAL KM',
                                                  %$authenticate })
        if $authenticate;
    push @lines, 'allow: POST' if $reason eq 'method_not_allowed';
    push @lines, 'retry: 1' if $want->{keyless};
    push @lines, 'retry: ' . ($want->{retry} // 'seconds')
        if $reason eq 'rate_limited';

    while (my ($name, $value) = splice @members, 0, 2) {
        push @lines, "$name: " . (ref $value ? $$value
                                             : canonical(to_json($value)))
            if defined $value && ($set->{method} // '') ne 'HEAD';
    }

    return join "\n", @lines;
}


sub _seen {
    my ($res, $set, $want) = @_;

    return 'no response' if !$res;

    my @lines = ($res->status, 'reason: ' . ($res->header('X-Reason') // '-'),
                 'type: ' . ($res->header('Content-Type') // '-'),
                 'cache: ' . ($res->header('Cache-Control') // '-'));

    for ($res->header('WWW-Authenticate') // ()) {
        push @lines, 'authenticate: ' . (_authenticate($_, $res->status)
                                         // "ill-formed: $_");
    }
    push @lines, "allow: $_" for $res->headers('Allow');
    push @lines, 'retry: ' . ($res->status == 429 && !$want->{retry}
                              ? s/^[1-9]\d*\z/seconds/r : $_)
        for $res->headers('Retry-After');

    for (eval { members($res->body) }) {
        my ($name, $raw) = @$_;

        # in the time for which there has been that connection
        $raw = 'now' if $name eq 'Date/Time' && $raw =~ /^\d+\z/
                        && $raw >= int($res->{since} // $^T)
                        && $raw <= Time::HiRes::time();
        push @lines, "$name: " . ($raw eq 'now' || $name eq 'Payload'
                                  && ref $want->{payload} ? $raw
                                                          : canonical($raw));
    }

    push @lines, 'body: ' . $res->body if $@ && length $res->body;
    return join "\n", @lines;
}


sub _parameters {
    my ($set) = @_;
    return join ', ', map { "$_=$set->{$_}" } sort keys %$set;
}


# the parameters of a Bearer challenge in a fixed order, without the text of the
# description, which a token that was refused needs and a scope may have
sub _authenticate {
    my ($value, $status) = @_;
    my %set;

    $value =~ s/^Bearer // or return;

    while ($value =~ s/^(\w+)="([\x20\x21\x23-\x5b\x5d-\x7e]*)"(?:, |\z)//) {
        return if exists $set{$1};
        $set{$1} = $2;
    }

    return if length $value
              || $set{error} && $status == 401
                 && !length($set{error_description} // '');
    delete $set{error_description} if $set{error};
    return _parameters(\%set);
}


# compares a response with what the request (options of request()) leads to
sub check {
    my ($name, $res, $set, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $want = { reason => $want } if ref $want ne 'HASH';
    $name =~ s/([^\x20-\x7e])/sprintf '\\x{%x}', ord $1/ge;
    $name =~ s/^(.{90}).*/$1.../;

    if (ref $want->{reason}) {
        my $seen = $res && $res->header('X-Reason') // '';
        my ($found) = grep { $_ eq $seen } @{ $want->{reason} };
        $want = { %$want, reason => $found // $want->{reason}[0] };
    }

    return is(_seen($res, $set, $want), _expected($set, $want), $name);
}


sub km {
    my ($name, $set, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $res = eval { post(%$set) };
    diag("$name: $@") if $@;
    return check($name, $res, $set, $want);
}


# ----------------------------------------------------------------- servers

sub start_redis {
    my $redis = SealKM::Redis->start(@_);

    $SealKM::Config::default_pass //= $redis->address;
    return $redis;
}


sub fake_redis {
    my $fake = SealKM::FakeRedis->start(@_);

    $SealKM::Config::default_pass //= $fake->address;
    return $fake;
}


# nginx' own port.  Where nobody named one, that is not what Test::Nginx has, or
# has chosen, but one of ours.
if (!$ENV{TEST_NGINX_SERVER_PORT} && !$ENV{TEST_NGINX_PORT}) {
    my $port = free_port();
    $Test::Nginx::Util::ServerPort = $port;
    $Test::Nginx::Util::ServerPortForClient = $port;
}

# Test::Nginx asks ps of it, again and again
{
    no warnings 'redefine';
    *Test::Nginx::Util::is_defunct = sub ($) {
        my ($pid) = @_;

        open my $file, '<', "/proc/$pid/stat" or return 0;
        return (<$file> // '') =~ /\) Z/;
    };
}

sub server_port { return $Test::Nginx::Util::ServerPort }
sub master_pid  { return Test::Nginx::Util::get_pid_from_pidfile('') }


# all lines since nginx started
sub error_log  { return _lines($Test::Nginx::Util::ErrLogFile) }
sub access_log { return _lines($Test::Nginx::Util::AccLogFile) }

sub _lines {
    my ($path) = @_;

    open my $file, '<', $path or return;
    return <$file>;
}


# ------------------------------------------------------------------- tests

my @blocks;

sub test {
    my ($name, @sections) = @_;
    my $run = @sections % 2 ? pop @sections : undef;
    my %section = @sections;
    my $block = Test::Base::Block->new;
    my $extra = delete $section{main_config} // '';

    $block->is_filtered(1);
    $block->seq_num(@blocks + 1);
    $block->set_value(name => $name);
    $block->set_value(seal_km => {
        run => $run,
        map { $_ => delete $section{$_} } qw(log may_log master skip) });
    $block->set_value(main_config => main_config() . $extra);
    $block->set_value(config => '') if !exists $section{config};
    $block->set_value($_ => $section{$_}) for keys %section;
    $block->set_value(no_shutdown_error_log => '');
    push @blocks, $block;
    return;
}


my $run_helper = $Test::Nginx::Util::RunTestHelper;

$Test::Nginx::Util::RunTestHelper = sub {
    my ($block) = @_;
    my $seal_km = $block->seal_km;

    return $run_helper->(@_) if !$seal_km->{run};

    my $ok = eval {
        SealKM::Client->new(port => server_port())->close;
        # it listens before it writes that
        wait_for(sub { -s $Test::Nginx::Util::PidFile }) or die "no PID\n";
        local $SealKM::Client::CONNECT_TIMEOUT = seconds(5);
        $seal_km->{run}->();
        1;
    };
    fail($block->name . " - died: $@") if !$ok;

    # what nginx does by itself may take it a while
    my @patterns = @{ $seal_km->{log} // [] };
    wait_for(sub {
        my @lines = error_log();
        @patterns = grep { my $p = $_; !grep { $_ =~ $p } @lines } @patterns;
        return !@patterns;
    }) if $ok;
    _check_log($block, 'error log', 1);
    _end_checked() if $ENV{TEST_NGINX_USE_VALGRIND};
};

# What valgrind looks for when a process exits takes it a while, and Test::Nginx
# kills nginx a second after its PID file is gone.  A worker that still has to
# wait for something is told to exit at once; the master would kill it soon.
sub _end_checked {
    my $pid = -f $Test::Nginx::Util::PidFile ? master_pid() : return;
    my $ended = sub {
        waitpid $pid, POSIX::WNOHANG();
        return !Test::Nginx::Util::is_running($pid);
    };

    kill 'QUIT', $pid;
    return if wait_for($ended, 3);

    open my $file, '<', "/proc/$pid/task/$pid/children" or return;
    kill 'TERM', split ' ', <$file> // '';
    wait_for($ended, 3);
    return;
}

# of nginx that must not start
$Test::Nginx::Util::CheckErrorLog = sub { _check_log($_[0], 'error log', 1) };

$Test::Nginx::Util::CheckShutdownErrorLog = sub {
    _check_log($_[0], 'error log at exit', 0);
};


sub _check_log {
    my ($block, $what, $all) = @_;
    my @patterns = @{ $block->seal_km->{log} // [] };
    my @allowed = (@patterns, @{ $block->seal_km->{may_log} // [] });
    my @lines = @{ Test::Nginx::Util::error_log_data() // [] };
    my @bad;

    for my $line (@lines) {
        push @bad, $line
            if $line =~ /\[(?:warn|error|crit|alert|emerg)\]/
               && !grep { $line =~ $_ } @allowed;
    }

    if ($all) {
        for my $pattern (@patterns) {
            push @bad, "nothing matches $pattern\n"
                if !grep { $_ =~ $pattern } @lines;
        }
    }

    my $more = @bad > 20 ? @bad - 20 : 0;
    splice @bad, 20 if $more;
    is(join('', @bad, $more ? "and $more more\n" : ''), '',
       $block->name . " - $what");
}


Test::Nginx::Util::add_block_preprocessor(sub {
    my ($block) = @_;
    $block->seal_km->{master} ? Test::Nginx::Util::master_on()
                              : Test::Nginx::Util::master_off();
});


sub run_tests {
    Test::Nginx::Util::no_shuffle();
    $SIG{INT} = $SIG{TERM} = sub { exit 1 };

    Test::Base::default_object()->block_list([ grep {
        my $skip = $_->seal_km->{skip};
        Test::More->builder->skip($_->name . ": $skip") if $skip;
        !$skip;
    } @blocks ]);

    Test::Nginx::Util::run_tests();

    # the last nginx: what it logs when it exits
    if (-f $Test::Nginx::Util::PidFile) {
        Test::Nginx::Util::kill_process(master_pid(), 1, 'end');
    }
    Test::Nginx::Util::check_prev_block_shutdown_error_log();
    undef $Test::Nginx::Util::PrevBlock;

    done_testing();
    return;
}


1;
