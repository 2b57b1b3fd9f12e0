# docs/grafana.json beside "make run": a real Prometheus, started as that tells,
# has data for each panel. The nginx is this machine's, whatever the others test.

use strict;
use warnings;

use lib 't/lib';
use SealKM::Client;
use SealKM::JSON;
use SealKM::Tool;
use SealKM::Util;
use Test::More;

my $port = free_port();
my $said = temp_file('');
my $dir = temp_dir();
my %running;

# for a worker, which is another user where root starts nginx
chmod 0711, $dir;


# in a group of its own, which ends with it
sub start {
    my ($name, @command) = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        require POSIX;
        setpgrp;
        $ENV{TMPDIR} = $dir;
        delete $ENV{SEAL_KM_MODULE} if ($ENV{SEAL_KM_MODULE} // '') eq 'none';
        open STDOUT, '>>', $said;
        open STDERR, '>>', "$dir/$name.log";
        exec @command or POSIX::_exit(127);
    }
    return $running{$name} = $pid;
}


sub stop {
    my ($name) = @_;
    my $pid = delete $running{$name} or return;

    kill 'TERM', $pid;
    waitpid $pid, 0;
    return;
}


# a command that "make run" tells, whole: lines that end with a backslash go on
sub told {
    my ($name) = @_;
    my ($command) = text_of($said) =~ /^  (\Q$name\E (?:.*\\\n)*.*)$/m
        or die "make run tells nothing of $name\n";
    return $command;
}


# what Prometheus has for an expression: values that are numbers
sub values_of {
    my ($expr) = @_;
    my $query = $expr =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger;
    my $client = eval { SealKM::Client->new(port => $port) } or return;

    $client->send("GET /api/v1/query?query=$query HTTP/1.1\r\nHost: a\r\n"
                  . "Connection: close\r\n\r\n");
    my $res = eval { $client->response } or return;
    my $answer = eval { from_json($res->body) } or return;

    return if $answer->{status} ne 'success';
    return grep { /^[-+\d.e]+\z/ } map { $_->{value}[1] }
        @{ $answer->{data}{result} };
}


# as Grafana writes it, for all instances
sub grafana {
    my ($expr) = @_;
    return $expr =~ s/\$instance/.*/gr =~ s/\$__rate_interval/1m/gr;
}


start('run', source('tools/demo.sh'), 'run');
ok(wait_for(sub { text_of($said) =~ /error\.log$/m }), 'make run')
    or diag(text_of("$dir/run.log"));

my $curl = told('curl');
my $prometheus = told('prometheus') =~ s/127\.0\.0\.1:\K9090/$port/r;
isnt($prometheus, told('prometheus'), 'Prometheus listens where the page says');

start('prometheus', 'bash', '-c', "exec $prometheus");

my $dashboard = from_json(text_of(source('docs/grafana.json')));
my @panels = @{ $dashboard->{panels} };
cmp_ok(scalar @panels, '>=', 16, 'panels');

my @exprs = map { my $panel = $_; map { [ $panel->{title}, $_->{expr} ] }
                      @{ $panel->{targets} } } @panels;
my @empty = @exprs;
my $answers = 0;

# what is told to be asked is asked, as it stands there, until there is something
# to see everywhere
wait_for(sub {
    my $run = run([ 'bash', '-c', $curl ]);

    $answers++ if $run->{out} =~ /"Payload":"bWFzd/;
    @empty = grep { !values_of(grafana($_->[1])) } @empty;
    return !@empty;
});

for my $expr (@exprs) {
    ok(!grep({ $_ == $expr } @empty), join ': ', @$expr);
}
diag(text_of("$dir/$_.log")) for @empty ? qw(run prometheus) : ();
cmp_ok($answers, '>', 0, 'make run answers what it tells to ask');

my ($variable) = grep { $_->{name} eq 'instance' } @{ $dashboard->{templating}{list} };
my ($of) = $variable->{query} =~ /^label_values\((\w+), instance\)\z/;
ok(values_of($of // 'none'), 'the instances to choose from');

stop('prometheus');
stop('run');
is(join(' ', glob "$dir/seal-km-demo.*"), '', 'make run leaves nothing');

done_testing();

END {
    my $status = $?;
    stop($_) for keys %running;
    $? = $status;
}
