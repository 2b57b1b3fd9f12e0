package SealKM::Redirects;

# Ways by which a request comes by an internal redirect: locations of other handlers
# that hand it on to @km, or to /km, once they have failed.
#
#     $never                  directives: nobody waits for a client
#     $dead                   an address where nobody listens
#     $unbuffered             directives: proxy_pass takes the body as it comes
#     km_location(PATH, ...)  as location(), with time for what is sent slowly
#     @untouched              [ path, directives ], of those that left the body alone,
#     @kept                   that have read it whole,
#     @taken                  and that have passed some of it on, which is lost
#     redirect_config()       all these locations, and those behind them
#     @redirect_log           what they have nginx log

use strict;
use warnings;

use Exporter 'import';
use SealKM::Config;
use SealKM::Util;

our @EXPORT = qw($never $dead $unbuffered km_location @untouched @kept @taken
    redirect_config @redirect_log);

our $dead = '127.0.0.1:' . free_port();

# nobody waits for this: what waits for it does not answer
our $never = 'client_body_timeout 1h; send_timeout 1h;';

sub km_location { return location(shift, window => '1h', @_) }

# a location that hands the request on when its own handler has failed
sub via {
    my ($path, $handler) = @_;
    return "location = $path { $handler }\n";
}

our $unbuffered = 'proxy_http_version 1.1; proxy_request_buffering off;';

our @untouched = (
    [ '/dead',     "proxy_pass http://$dead; error_page 502 = \@km;", ],
    [ '/dead-un',  "proxy_pass http://$dead; $unbuffered error_page 502 = \@km;" ],
    [ '/grpc',     "grpc_pass grpc://$dead; error_page 502 = \@km;" ],
    [ '/fastcgi',  "fastcgi_pass $dead; fastcgi_request_buffering off;
                    error_page 502 = \@km;" ],
    [ '/uwsgi',    "uwsgi_pass $dead; uwsgi_request_buffering off;
                    error_page 502 = \@km;" ],
    [ '/scgi',     "scgi_pass $dead; scgi_request_buffering off;
                    error_page 502 = \@km;" ],
    [ '/return',   'error_page 404 = @km; return 404;' ],
    [ '/try',      'try_files /no/such/file @km;' ],
    [ '/rewrite',  'rewrite ^ /km last;' ],
);

# whose upstream gets some of the body before it says something
our @taken = (
    [ '/intercept', "proxy_pass http://127.0.0.1:PORT/b/fails; $unbuffered
                     proxy_intercept_errors on; error_page 503 = \@km;" ],
    [ '/accel',     "proxy_pass http://127.0.0.1:PORT/b/accel; $unbuffered" ],
    [ '/twice',     "proxy_pass http://$dead; $unbuffered
                     error_page 502 = \@dead;" ],
    [ '/closes',    "proxy_pass http://127.0.0.1:PORT/b/closes; $unbuffered
                     error_page 502 = \@km;" ],
);

our @kept = (
    [ '/intercept-b', "proxy_pass http://127.0.0.1:PORT/b/fails;
                       proxy_intercept_errors on; error_page 503 = \@km;" ],
    [ '/accel-b',     'proxy_pass http://127.0.0.1:PORT/b/accel;' ],
);


sub redirect_config {
    my $backend = SealKM::server_port();

    return join '', $never, "\n", km_location('= /km'), km_location('@km'),
    "location \@dead { proxy_pass http://$dead; $unbuffered
                       recursive_error_pages on; error_page 502 = \@km; }\n",
    'location = /b/fails { return 503; }
     location = /b/closes { return 444; }
     location = /b/accel { add_header X-Accel-Redirect @km; return 204; }
     ', (map { via($_->[0], ($_->[1] =~ s/PORT/$backend/r)
                            . ' recursive_error_pages on;') }
         @untouched, @taken, @kept);
}


# connect() failed, upstream prematurely closed, and what is told of a lost body
our @redirect_log = (qr/\[error\].*(?:connect\(\) failed|prematurely closed)/,
           qr/\[error\].*was read or discarded before/,
           qr/\[error\].*SEAL KM Request refused, internal_error/);


1;
