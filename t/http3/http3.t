# A request over HTTP/3, directly and by an internal redirect: whole, in pieces, of
# a length that is told or not. As internal-redirect.t, for an nginx that has it:
#
#     make http3

use lib 't/lib';
use SealKM;
use SealKM::HTTP3;
use SealKM::Redirects;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my %echo = (echo => { ServiceID => 'v2x.example' });
my $ok = { payload => 'K', %echo };
my $h3_port = free_port();

test 'HTTP/3',
    config => listen_http3($h3_port) . redirect_config(),
    log => \@redirect_log,
    sub {
        my $body = request_body();
        my $h3 = SealKM::HTTP3->new(port => $h3_port);

        my $check = sub {
            my ($name, $set, $want, %how) = @_;
            my $res = $h3->post($set, %how);
            SealKM::check($name, $res, { %$set, body => '' }, $want);
        };

        for my $at ('/km', map { $_->[0] } @untouched, @kept) {
            my $set = { location => $at, body => $body };

            $check->("$at: at once", $set, $ok);
            $check->("$at: of a length that is not told", $set, $ok, length => 0);
            $check->("$at: in pieces", $set, $ok, size => 60, pause => 0.02);
            $check->("$at: in pieces, untold", $set, $ok, size => 100,
                     pause => 0.03, length => 0);
            $check->("$at: a bad token", { %$set, token => 'x' },
                     { reason => 'token_malformed', %echo });
        }

        for my $at (map { $_->[0] } @taken) {
            my $set = { location => $at, body => $body };

            # what came with the first packet may be all of it, or not
            for my $size (length $body, 60) {
                my $res = $h3->post($set, size => $size, pause => 0.03);
                like($res ? $res->body : 'none',
                     qr/"(?:ErrorCode":"01"|Payload":"K")/,
                     "$at: in pieces of $size");
            }
        }

        $check->('at the end', { location => '/km', body => $body }, $ok);
        $h3->close;
    };

run_tests();
