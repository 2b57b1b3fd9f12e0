package SealKM::Metrics;

# What seal_km_metrics tells.
#
#     metrics_at('= /metrics', 'zone')   text of such a location
#     metrics()                          NAME{LABELS} => value; from /metrics of
#     metrics($client, $location)        a new client, or of others
#     sample('name{label="x"}')          one of them
#     becomes('name{label="x"}', $n)     the value, once it is that, or what it
#                                        stays
#     grown(\%before)                    "NAME +n, ..." of all counters that have
#                                        grown since, but of times
#     names($text)                       names of metrics in any text, as they are
#                                        scraped (with _bucket, _sum and _count)

use strict;
use warnings;

use Exporter 'import';
use SealKM::Client;
use SealKM::Util;
use Test::Nginx::Util ();

our @EXPORT = qw(metrics_at metrics metrics_text sample becomes grown names);


sub metrics_at {
    my ($path, $zone) = @_;
    return "location $path {\n    seal_km_zone $zone;\n    seal_km_metrics;\n}\n";
}


sub metrics_text {
    my ($client, $location) = @_;

    $client //= SealKM::Client->new(port => $Test::Nginx::Util::ServerPort);
    $client->send('GET ' . ($location // '/metrics')
                  . " HTTP/1.1\r\nHost: a\r\n\r\n");
    my $res = $client->response or die "no metrics\n";
    die 'metrics: ' . $res->status . "\n" if $res->status != 200;
    return $res->body;
}


sub metrics {
    my %value;

    for (split /\n/, metrics_text(@_)) {
        next if /^#/;
        /^(\w+(?:\{[^{}]*\})?) (\S+)\z/ or die "no sample: $_\n";
        die "twice: $1\n" if exists $value{$1};
        $value{$1} = $2;
    }

    return \%value;
}


sub sample {
    my ($name, @from) = @_;
    return metrics(@from)->{$name};
}


sub becomes {
    my ($name, $n, @from) = @_;
    my $seen;

    wait_for(sub { ($seen = sample($name, @from) // 'none') eq $n });
    return $seen;
}


sub grown {
    my ($before, @from) = @_;
    my $now = metrics(@from);

    return join ', ', map { "$_ +" . ($now->{$_} - ($before->{$_} // 0)) }
        grep { /_total\b/ && $now->{$_} != ($before->{$_} // 0) }
        sort keys %$now;
}


sub names {
    my ($text) = @_;
    my %name = map { $_ => 1 } $text =~ /\b(seal_km_\w+)\b/g;

    return sort keys %name;
}


1;
