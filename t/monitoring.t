# docs/monitoring.md, the alert rules and the dashboard: they name what there is,
# and all of it; each rule has a test of its own.

use lib 't/lib';
use SealKM;
use SealKM::JwksServer;
use SealKM::Fetching;
use SealKM::Metrics;

use Cwd 'abs_path';
use File::Basename 'dirname';

my $docs = dirname(dirname(abs_path(__FILE__))) . '/docs';

sub read_file {
    my ($name) = @_;
    open my $file, '<', "$docs/$name" or die "$docs/$name: $!";
    local $/;
    return scalar <$file>;
}

# a text's metrics: what a histogram is scraped as counts as the histogram
sub of {
    my ($text) = @_;
    my %name = map { s/_seconds\K_(?:bucket|sum|count)\z//r => 1 } names($text);
    return join ' ', sort keys %name;
}

start_redis();
my $sims = SealKM::JwksServer->start('rsa');

test 'names',
    http_config => KEYS_ZONE,
    config => metrics_at('= /metrics', 'keys') . net('= /km') . fetches($sims),
    sub {
        post(%{ with('rsa') });

        my $text = metrics_text();
        my @samples = grep { !/^#/ } split /\n/, $text;
        my $there = of(join "\n", map { /^(\w+)/ } @samples);
        my %labels;
        for (@samples) {
            my ($name, $labels) = /^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? /;
            $labels{$name}{$1} = 1 while ($labels // '') =~ /(\w+)="/g;
        }

        is(of(join "\n", map { /^# HELP (\w+) \S/ } split /\n/, $text), $there,
           'each has a help');
        is(of(join "\n", map { /^# TYPE (\w+) (?:counter|gauge|histogram)$/ }
                             split /\n/, $text), $there, 'each has a type');

        # the table of the page, with labels and types
        my $page = read_file('monitoring.md');
        my @rows = $page =~ /^\| `(seal_km_\w+(?:\{[\w,]+\})?)` \| (\w+) \|/mg;
        my %told;
        while (my ($name, $type) = splice @rows, 0, 2) {
            my ($labels) = $name =~ s/\{(.*)\}// ? $1 : '';
            $told{$name} = 1;
            like($text, qr/^# TYPE $name $type$/m, "$name is a $type");
            is(join(',', sort split /,/, $labels),
               join(',', grep { $_ ne 'le' } sort keys %{ $labels{$name} // {} }),
               "$name: its labels");
        }
        is(join(' ', sort keys %told), $there, 'the page has them all');
        my %known = map { $_ => 1 } split / /, $there;
        my %directive = map { $_ => 1 }
            read_file('directives.md') =~ /^## (seal_km_\w+)$/mg;
        is(join(' ', grep { !$known{$_} && !$directive{$_} } split / /, of($page)),
           '', 'the page names no other');

        # what the dashboard and the rules ask for
        my @exprs;
        my $walk; $walk = sub {
            my ($at) = @_;
            if (ref $at eq 'HASH') {
                push @exprs, $at->{expr} if defined $at->{expr};
                push @exprs, $at->{query} if !ref $at->{query}
                                             && ($at->{query} // '') =~ /seal_km/;
                $walk->($_) for values %$at;
            } elsif (ref $at eq 'ARRAY') {
                $walk->($_) for @$at;
            }
        };
        $walk->(from_json(read_file('grafana.json')));
        is(of(join "\n", @exprs), $there, 'the dashboard shows them all, no other');

        my $rules = read_file('alerts.yaml');
        is(join(' ', grep { !$known{$_} } split / /, of($rules)), '',
           'the rules name no other');
        is(join(' ', grep { !$known{$_} } split / /, of(read_file('alerts-test.yaml'))),
           '', 'nor do their tests');

        # values of labels
        my %value = map { $_ => 1 } $text =~ /(\w+="[^"]*")/g;
        for my $file ($rules, join "\n", @exprs) {
            my @seen = $file =~ /\b((?:reason|state|result|for|form|source)="[^"]*")/g;
            is(join(' ', grep { !$value{$_} } @seen), '', 'labels have such values');
            for my $pattern ($file =~ /reason=~"([^"]*)"/g) {
                ok(scalar(grep { /^reason="(?:$pattern)"\z/ } keys %value),
                   "a reason is like $pattern");
            }
        }
    };


# the tool that Prometheus has for it
for ([ 'check rules', 'alerts.yaml' ], [ 'test rules', 'alerts-test.yaml' ]) {
    my ($what, $file) = @$_;
    my $output = `cd $docs && promtool $what $file 2>&1`;
    is($?, 0, "promtool $what") or diag($output);
}

my @rules = read_file('alerts.yaml') =~ /^\s*- alert: (\w+)/mg;
my @tested = read_file('alerts-test.yaml') =~ /^\s*alertname: (\w+)/mg;
is(join(' ', sort @tested), join(' ', sort @rules), 'each rule has a test');

my %told = map { $_ => 1 } read_file('monitoring.md') =~ /`(SealKm\w+)`/g;
is(join(' ', sort keys %told), join(' ', sort @rules), 'the page has each rule');

run_tests();
