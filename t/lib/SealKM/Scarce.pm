package SealKM::Scarce;

# Memory that fails, one allocation after another: t/preload/memory.c, preloaded
# into the nginx of this test file.
#
#     my $why_not = scarce_nginx();     why it cannot be had, else undef
#     fail_nth($n)                      the n-th allocation from now on fails
#     unfail()                          none does; true if one has failed
#     blocks()                          how many nginx has allocated and not freed
#     slabs()                           how many have failed of nginx's shared memory
#     failed_where()                    who asked, as a text
#     outcome($bytes)                   sends that; the response as a text, status
#                                       and body, or "dropped"
#     says_so()                         true of an outcome ($_) that says that
#                                       memory has failed, or says nothing
#     each_fails(NAME, %set)            each allocation of something fails in turn:
#         before  => sub { ... }        is called before, while memory is there
#         do      => sub { ... }        does it, and returns what came of it
#         is      => sub { ... }        true of an outcome ($_) that is right
#                                       though memory has failed
#         well    => sub { ... }        true if all is well afterwards
#         least   => 10                 so many have to fail, or it is no test
#         leaks   => 0                  1: blocks are not counted
#         most    => 100                no more than so many of them fail, spread
#                                       evenly; all by default
#         first   => 0                  so many fail before that, one by one
#     begin_forking(wanted => 1)        from now on each allocation of the module's
#         pid => $pid                   fails, in a child of its own: of that
#         step => 1                     process, or of the nginx that is started next;
#         openssl => 0                  1: OpenSSL's among them
#     forking()                         true until it has gone on to wait for signals
#     forked()                          ends that: how many there were, and those that
#                                       did not end as is wanted: { n, status, said }
#
# SEAL_KM_TRACE=1 tells each step of each_fails() at once.
#
# fail_nth() and blocks() are about the one process that nginx is without a master.

use strict;
use warnings;

use Exporter 'import';
use List::Util 'min';
use SealKM::Load;
use SealKM::Preload;
use SealKM::Util;
use Test::More ();
use Test::Nginx::Util ();

our @EXPORT = qw(scarce_nginx fail_nth unfail blocks slabs failed_where outcome
    says_so each_fails begin_forking forking forked);

# of memory_control_t
my @fields = qw(mode left failed live pid step wanted tried epoch openssl slabs);
my %at = map { ($fields[$_] => 8 * $_) } 0 .. $#fields;
my $path;
my $control;


sub scarce_nginx {
    $path = temp_file("\0" x 4096, 'memory');
    chmod 0666, $path;
    open $control, '+<:raw', $path or die "$path: $!";

    return preload('memory', SEAL_KM_MEMORY => $path);
}


sub _get {
    my ($name) = @_;
    sysseek $control, $at{$name}, 0;
    sysread $control, my $bytes, 8;
    return unpack 'q', $bytes;
}

sub _set {
    my (@set) = @_;
    while (my ($name, $value) = splice @set, 0, 2) {
        sysseek $control, $at{$name}, 0;
        syswrite $control, pack 'q', $value;
    }
    return;
}


sub fail_nth {
    my ($n) = @_;
    my ($pid) = worker_pids();
    _set(mode => 0, pid => $pid, failed => 0, left => $n, mode => 1);
    return;
}

sub unfail {
    _set(mode => 0);
    return _get('failed');
}

sub blocks { return _get('live') }
sub slabs { return _get('slabs') }

sub outcome {
    my ($bytes) = @_;
    my $client = SealKM::client();
    my $res = eval { $client->send($bytes); $client->response };

    $client->close;
    return 'dropped' if !$res;
    return join ' ', $res->status, $res->body =~ s/"Date\/Time":\d+/"Date\/Time":0/r;
}

sub says_so {
    return /^dropped$/ || /^500 \{"(?!.*"Payload").*"ErrorCode":"01"\}$/;
}

sub failed_where { return _text('trace') }

sub _text {
    my ($ending) = @_;
    open my $file, '<', "$path.$ending" or return '';
    local $/;
    return <$file> // '';
}

# nginx is no more, or does not answer
sub _crashed {
    my ($what) = @_;
    die "$what" . failed_where() . 'crashed: ' . (_text('crash') || "no\n");
}


# What has more memory after a failure than before may have made something that
# stays, once: it has to do so each time to be a leak.
sub each_fails {
    my ($name, %set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my (@wrong, @ill, @leaks, %came);
    my ($failed, $missed, $n) = (0, 0, 0);

    for (1 .. 3) {
        $set{before}->() if $set{before};
        $set{do}->();
    }
    my $before = blocks();
    my $step = _step(\%set);

    until ($missed == 2) {
        $n += $n < ($set{first} // 0) ? 1 : $step;

        for my $again (0 .. 3) {
            $set{before}->() if $set{before};
            fail_nth($n);
            local $_ = eval { $set{do}->() } // _crashed("$name, $n: $@");
            my $did = unfail();
            my $where = failed_where();

            $missed = $did ? 0 : $missed + 1 if !$again;
            $failed++ if $did && !$again;
            $came{$_}++ if $did && !$again;
            push @wrong, "$n: $_\n$where" if !$set{is}->();
            push @ill, "$n: $_\n$where" if !(eval { $set{well}->() ? 1 : 0 } // _crashed("$name, $n: $@"));

            # a connection is closed a moment after its response
            wait_for(sub { blocks() <= $before }, 0.15) if !$set{leaks};

            my $more = blocks() - $before;
            Test::More::diag(time - $^T, " s: $name $n/$step: $_ ($more)") if $ENV{SEAL_KM_TRACE};
            $before += $more;
            last if $more <= 0 || $set{leaks};
            push @leaks, "$n: $more blocks, $_\n$where" if $again == 3 && !_is_of_nginx($where);
        }
        last if @wrong + @ill + @leaks > 20;
    }

    Test::More::cmp_ok($failed, '>=', $set{least} // 10, "$name: allocations failed");
    Test::More::note("$name: $failed of $n allocations; ", join ', ', map { "$_ $came{$_}" } sort keys %came);
    _none(\@wrong, "$name: no wrong answer");
    _none(\@ill, "$name: the next one is well");
    _none(\@leaks, "$name: no leak");
    return;
}

# ngx_ssl_create_connection() forgets the object that SSL_new() has made where what it
# does with it lacks memory; nobody else has seen it then
sub _is_of_nginx {
    my ($where) = @_;
    return $where =~ /\((?:SSL_set_fd|(?:SSL|CRYPTO)_set_ex_data)\+.*\n.*\(ngx_ssl_create_connection\+/;
}

# of so many allocations one fails; a slow machine now and then needs more of them
sub _step {
    my ($set) = @_;
    return 1 if !$set->{most};
    my @counts;

    for (1 .. 3) {
        $set->{before}->() if $set->{before};
        fail_nth(1 << 40);
        $set->{do}->();
        unfail();
        push @counts, (1 << 40) - _get('left');
    }
    return 1 + int(min(@counts) / $set->{most});
}

sub _none {
    my ($list, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    Test::More::is(scalar @$list, 0, $name)
        or Test::More::diag(join "\n", map { s{^(?!.*seal_km|\d+: |(?:.*/)?[\w.]*(?:malloc|ngx_)).*\n}{}mgr }
                                         @$list[0 .. ($#$list > 11 ? 11 : $#$list)]);
    return;
}


# from now on the process, or whichever nginx starts next, tries each allocation
sub begin_forking {
    my (%set) = @_;
    unlink "$path.results";
    _set(mode => 0, pid => $set{pid} // 0, step => $set{step} // 1, left => 0,
         tried => 0, wanted => $set{wanted}, openssl => $set{openssl} // 0, epoch => _get('epoch') + 1, mode => 2);
    return;
}

# how many it has tried, and the texts of those that did not end as they ought to
sub forked {
    _set(mode => 0);
    my @odd;

    if (open my $file, '<', "$path.results") {
        while (<$file>) {
            my ($n, $status) = split;
            open my $said, '<', "$path.$n" or next;
            push @odd, { n => $n, status => $status, said => do { local $/; <$said> } };
        }
    }
    return (_get('tried'), @odd);
}

sub forking { return _get('mode') == 2 }


1;
