# A request that comes by an internal redirect, whoever had it before: its body
# untouched, read, half read, passed on or thrown away. It is answered as if it
# had come directly where that can be, else it is refused; at once, always.

use lib 't/lib';
use SealKM;
use SealKM::HTTP2;
use SealKM::Redirects;
use Time::HiRes qw(sleep time);

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my %echo = (echo => { ServiceID => 'v2x.example' });
my $ok = { payload => 'K', %echo };
my $lost = { reason => 'internal_error', echo => {}, unread => 1 };
my $h2_port = free_port();
my $config = redirect_config();

# the whole of it in pieces of $size, one after another
sub slowly {
    my ($name, $set, $size, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $c = client();
    my $res = eval {
        my ($head, $body) = split /(?<=\r\n\r\n)/, request(%$set), 2;
        $c->send($head);
        sleep 0.05;
        while (length $body) {
            eval { $c->send(substr $body, 0, $size, '') } or last;
            sleep 0.02;
        }
        $c->response;
    };
    diag("$name: $@") if $@;
    return SealKM::check($name, $res, { %$set, body => '' }, $want);
}

sub chunks {
    my ($body, $size) = @_;
    my $text = '';
    while (length $body) {
        my $piece = substr $body, 0, $size, '';
        $text .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
    }
    return "${text}0\r\n\r\n";
}

my @chunked = (headers => [ 'Transfer-Encoding' => 'chunked' ]);

test 'HTTP/1',
    config => $config,
    log => \@redirect_log,
    sub {
        my $body = request_body();

        for my $at (map { $_->[0] } @untouched, @kept) {
            my @at = (location => $at);

            km "$at: at once", { @at, body => $body }, $ok;
            km "$at: chunked, at once", { @at, body => chunks($body, 50), @chunked },
                $ok;
            slowly "$at: in pieces", { @at, body => $body }, 60, $ok;
            slowly "$at: chunked, in pieces", { @at, body => chunks($body, 50),
                headers => [@{ $chunked[1] }] }, 30, $ok;
            slowly "$at: half", { @at, body => $body }, 100, $ok;

            # the connection goes on
            my $c = client();
            km "$at: kept, $_", { @at, via => $c, body => $body }, $ok for 1, 2;

            km "$at: a bad token", { @at, token => 'x', body => $body },
                { reason => 'token_malformed', %echo };
            km "$at: too large", { @at, body => request_body(pad => 'x' x 9000) },
                { reason => 'request_too_large', echo => {} };
        }

        for my $at (map { $_->[0] } @taken) {
            my @at = (location => $at);

            km "$at: at once", { @at, body => $body }, $ok;
            slowly "$at: in pieces", { @at, body => $body }, 60, $lost;
            slowly "$at: chunked, in pieces", { @at, body => chunks($body, 50),
                headers => [@{ $chunked[1] }] }, 30, $lost;

            # the head alone: whatever comes after, it is answered
            my $c = client();
            my ($head) = split /(?<=\r\n\r\n)/, request(@at, body => $body), 2;
            $c->send($head);
            SealKM::check("$at: nothing of it", $c->response,
                          { body => '' }, $lost);
        }

        km 'at the end', { body => $body }, $ok;
    };


test 'HTTP/2',
    config => listen_http2($h2_port) . $config,
    log => \@redirect_log,
    sub {
        for my $way (@untouched, @kept, @taken) {
            my $at = $way->[0];
            my $lost = grep { $_ == $way } @taken;
            my $token = mint();

            for my $size (10_000, 60, 100) {
                my $h2 = SealKM::HTTP2->new(port => $h2_port);
                my $text = $h2->response($h2->request($at, $token, request_body(),
                                         size => $size, pause => 0.03)) // '';

                # of what came with the first packet none is lost
                like($text, $lost
                     ? qr/"(?:ErrorCode":"01"|Payload":"K")/ : qr/"Payload":"K"/,
                     "$at: in pieces of $size");
                $h2->close;
            }
        }
    };


# ------------------------------------------------ a body that is broken, or lost

test 'a bad body, and error_page to us',
    config => $never
        . km_location('= /km', max_request_size => '100k',
                      more => 'client_max_body_size 1000;
                               error_page 400 408 413 415 500 = @km;')
        . km_location('= /recursive', max_request_size => '100k',
                      more => 'client_max_body_size 1000; recursive_error_pages on;
                               error_page 400 408 413 415 500 = @again;')
        . km_location('@km', max_request_size => '100k')
        . km_location('@again', max_request_size => '100k',
                      more => 'error_page 400 413 = @again;')
        . "location = /proxy { proxy_pass http://$dead; $unbuffered
                               error_page 502 = \@again; recursive_error_pages on; }
           location = /small { client_max_body_size 10; proxy_pass http://$dead;
                               error_page 413 = \@km; }",
    log => [ qr/\[warn\].*client_max_body_size/,
             qr/\[error\].*client sent invalid chunked body/,
             qr/\[error\].*client intended to send too large/ ],
    may_log => \@redirect_log,
    suppress_stderr => 1,
    sub {
        my $malformed = { reason => 'malformed_request', echo => {}, unread => 1 };
        my $large = { reason => 'request_too_large', echo => {} };

        for my $at (qw(/km /recursive /proxy)) {
            my $set = { location => $at };
            my $send = sub {
                my ($name, $want, @pieces) = @_;
                my $c = client();
                my ($head) = split /(?<=\r\n\r\n)/, request(location => $at,
                    body => 'x', headers => [ 'Transfer-Encoding' => 'chunked' ]), 2;
                my $start = time;

                $c->send($head . shift @pieces);
                for (@pieces) {
                    sleep 0.05;
                    eval { $c->send($_) };
                }
                SealKM::check("$at: $name", eval { $c->response }, { body => '' },
                              $want);
                cmp_ok(time - $start, '<', seconds(10), "$at: $name, at once");
                ok(eval { $c->closed }, "$at: $name, closed");
            };

            # by nginx, when its first piece is looked at: then we are not asked
            $send->('a bad chunk in a later packet', $malformed, "5\r\n{    \r\n",
                    "x\r\n");
            $send->('a bad chunk at first', $malformed, "zz\r\n")
                if $at ne '/proxy';
            $send->('a bad chunk, then a right body', $malformed,
                    "5\r\n{    \r\n", "zz\r\n", chunks(request_body(), 1000));

            if ($at ne '/proxy') {
                $send->('too large, later', $large, "5\r\n{    \r\n", "7ff\r\nx");
                $send->('too large at first', $large, "7ff\r\nx");
            }
        }

        # discarded, because it is of another type, and bad there
        my $c = client();
        my ($head) = split /(?<=\r\n\r\n)/, request(type => 'text/plain', body => 'x',
            headers => [ 'Transfer-Encoding' => 'chunked' ]), 2;
        $c->send("${head}zz\r\n");
        SealKM::check('a bad body that is discarded', $c->response, { body => '' },
                      'unsupported_media_type');

        # nginx throws away what is beyond client_max_body_size
        for my $sent (0, 50, 1000) {
            my $c = client();
            my ($head, $body) = split /(?<=\r\n\r\n)/, request(location => '/small',
                via => 1, body => request_body()), 2;
            $c->send($head . substr $body, 0, $sent);
            my $res = eval { $c->response };
            like($res && $res->header('X-Reason'),
                 qr/^(?:internal_error|malformed_request)\z/,
                 "thrown away, $sent bytes at once");
        }
    };


# --------------------------------------------------------------- subrequests

test 'as a subrequest',
    config => $never . km_location('= /km')
        . km_location('= /main', more => 'auth_request /yes; mirror /km;')
        . 'location = /yes { internal; return 204; }
           location = /auth { auth_request /km; proxy_pass http://127.0.0.1:'
        . server_port() . '/fine; }
           location = /mirrors { mirror /km; proxy_pass http://127.0.0.1:'
        . server_port() . '/fine; }
           location = /unbuffered { mirror /km; mirror_request_body off;
               proxy_http_version 1.1; proxy_request_buffering off;
               proxy_pass http://127.0.0.1:' . server_port() . '/fine; }
           location = /fine { return 200 "in"; }
           location = /ssi { ssi on; ssi_types *; add_after_body /km;
                             return 200 "<!--#include virtual=\"/km\"-->"; }',
    log => [ qr/\[error\].*auth request unexpected status: 405/ ],
    may_log => \@redirect_log,
    sub {
        my $body = request_body();

        slowly 'mirrored to ourselves, in pieces', { location => '/main',
            body => $body }, 60, $ok;
        km 'mirrored to ourselves', { location => '/main', body => $body }, $ok;
        is(post(location => '/auth', body => $body)->status, 500,
           'auth_request, which asks with GET');

        for my $at (qw(/mirrors /unbuffered)) {
            is(post(location => $at, body => $body)->status, 200, "$at: the main one");
            my $c = client();
            my ($head, $rest) = split /(?<=\r\n\r\n)/, request(location => $at,
                body => $body), 2;
            $c->send($head);
            sleep 0.05;
            $c->send(substr $rest, 0, 60);
            sleep 0.05;
            $c->send(substr $rest, 60);
            is($c->response->status, 200, "$at: in pieces");
        }

        like(post(location => '/ssi', body => $body)->text // '', qr/./, 'SSI');
        km 'at the end', { body => $body }, $ok;
    };

run_tests();
