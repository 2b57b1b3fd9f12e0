package SealKM::FakeRedis;

# A server on a loopback port that misbehaves as told, in a process of its own.
#
#     my $fake = SealKM::FakeRedis->start(
#         get     => sub { my ($key, $nth) = @_; ... },   the steps of a reply
#         command => { AUTH => sub { my (@args) = @_; ... } },
#         accept  => sub { my ($nth) = @_; ... },         steps at once on accept
#         host => '127.0.0.2', port => free_port(),       another of these
#     );
#     $fake->address                     for seal_km_pass
#     $fake->log                         lines of what happened, see below
#     $fake->count(qr/^accept/)
#     $fake->release('name')             ends hold('name')
#     $fake->kill
#
# Steps of a reply: a string is sent as it is; and
#     pause(0.2)          nothing more on this connection for that time
#     hold('name')        nothing more on this connection until released
#     bytewise($string)   a byte at a time
#     bulk($value)        $string of a bulk reply (undef: nil)
#     flood($string)      sends it for ever, while the other side takes it
#     closing(), reset_() closes the connection; with a RST
#     closing($string)    the same, and string and FIN arrive at once
#     silence()           never answers on this connection again
#
# Without get every key is answered with bulk("record of KEY"); without command
# all but GET is answered +OK.
#
# The log, one event a line: "accept N", "read N COMMANDS" (as many commands in
# one read, so more than 1 is a pipeline), "command N NAME ARGS", "inline N NAME"
# ahead of it where it came so, "close N"; N counts connections from 1.  Arguments other than of GET, SELECT and CLIENT are
# there too: what the log of a test holds is the test's own.

use strict;
use warnings;

use Errno;
use Exporter 'import';
use IO::Select;
use POSIX ();
use SealKM::Util;
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes 'time';

# of Linux; Perl's Socket has no name for it
use constant MSG_MORE => 0x8000;

our $connection;

our @EXPORT = qw(pause hold bytewise bulk flood closing reset_ silence);

my @running;
my $owner = $$;
my $started = 0;


sub pause    { return [ pause => $_[0] ] }
sub hold     { return [ hold => $_[0] ] }
sub flood    { return [ flood => $_[0] ] }
sub closing  { return [ close => $_[0] ] }
sub reset_   { return ['reset'] }
sub silence  { return ['silence'] }
sub bytewise { return map { ($_, pause(0.002)) } split //, $_[0] }


sub bulk {
    my ($value) = @_;
    return defined $value ? '$' . length($value) . "\r\n$value\r\n" : "\$-1\r\n";
}


sub start {
    my ($class, %opts) = @_;

    my $host = $opts{host} // '127.0.0.1';
    my $port = $opts{port} // free_port();
    my @listen = (listen_at($host, $port), listen_twin($host, $port));

    my $self = bless {
        port => $port,
        host => $host,
        base => temp_dir() . '/fake' . ++$started,
    }, $class;

    temp_file('', "fake$started.log");
    defined($self->{pid} = fork) or die "fork: $!";

    if (!$self->{pid}) {
        $SIG{PIPE} = 'IGNORE';
        $SIG{__DIE__} = 'DEFAULT';
        my $parent = getppid;
        eval { $self->_serve(\@listen, \%opts, $parent); 1 }
            or print STDERR "# fake Redis: $@";
        POSIX::_exit(0);
    }

    close $_ for @listen;
    push @running, $self;
    return $self;
}


sub port    { return $_[0]{port} }
sub address { return "$_[0]{host}:$_[0]{port}" }
sub release { my ($self, $name) = @_; _touch("$self->{base}.$name"); return }


sub kill {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    CORE::kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}


sub log {
    my ($self) = @_;

    open my $file, '<', "$self->{base}.log" or die "$self->{base}.log: $!";
    chomp(my @lines = <$file>);
    return @lines;
}


sub count {
    my ($self, $pattern) = @_;
    return scalar grep { $_ =~ $pattern } $self->log;
}


sub _touch { open my $file, '>', $_[0] or die "$_[0]: $!"; return }


sub _serve {
    my ($self, $listen, $opts, $parent) = @_;
    my (%clients, %asked);
    my $accepted = 0;

    open my $log, '>>', "$self->{base}.log" or die "$self->{base}.log: $!";
    $log->autoflush(1);

    my $drop = sub {
        my ($c) = @_;
        print $log "close $c->{n}\n";
        delete $clients{ fileno $c->{socket} };
        close $c->{socket};
    };

    while (getppid == $parent) {
        my $select = IO::Select->new(@$listen,
                                     map { $_->{socket} } values %clients);
        my $busy = grep { @{ $_->{steps} } && !$_->{silent} } values %clients;

        for my $socket ($select->can_read($busy ? 0.002 : 0.1)) {
            if (grep { $socket == $_ } @$listen) {
                my $new = $socket->accept or next;
                $new->blocking(0);
                setsockopt $new, IPPROTO_TCP, TCP_NODELAY, 1;
                my $n = ++$accepted;
                print $log "accept $n\n";
                $clients{ fileno $new } = { n => $n, socket => $new, in => '',
                    steps => [ $opts->{accept} ? $opts->{accept}->($n) : () ] };
                next;
            }

            my $c = $clients{ fileno $socket } or next;
            my $got = sysread $socket, $c->{in}, 65536, length $c->{in};

            if (!$got) {
                $drop->($c) if defined $got || !$!{EAGAIN};
                next;
            }

            my @commands;
            for ( ;; ) {
                my $inline = $c->{in} =~ /\A[^*]/;
                my @args = _command(\$c->{in}) or last;
                print $log "inline $c->{n} $args[0]\n" if $inline;
                push @commands, \@args;
            }
            print $log "read $c->{n} ", scalar @commands, "\n";

            for (@commands) {
                local $connection = $c->{n};
                my ($name, @args) = @$_;
                $name = uc $name;
                print $log "command $c->{n} $name @args\n";

                my $do = ($opts->{command} // {})->{$name};
                push @{ $c->{steps} },
                    $do ? $do->(@args) :
                    $name ne 'GET' ? "+OK\r\n" :
                    $opts->{get} ? $opts->{get}->($args[0], ++$asked{$args[0]}) :
                    bulk("record of $args[0]");
            }
        }

        for my $c (values %clients) {
            $drop->($c) if !$self->_work($c);
        }
    }
}


# does what steps are due; 0 if the connection is to be closed
sub _work {
    my ($self, $c) = @_;
    my $steps = $c->{steps};

    while (@$steps && !$c->{silent}) {
        my ($what, $arg) = ref $steps->[0] ? @{ $steps->[0] }
                                           : (send => $steps->[0]);

        if ($what eq 'send' || $what eq 'flood') {
            my $n = syswrite $c->{socket}, $arg;
            return $!{EAGAIN} ? 1 : 0 if !defined $n;

            if ($what eq 'flood') {
                # the next turn sends the rest of it, then all of it again
                splice @$steps, 0, 0, substr $arg, $n if $n < length $arg;
                return 1;
            }

            if ($n < length $arg) {
                substr($steps->[0], 0, $n) = '';
                return 1;
            }

        } elsif ($what eq 'pause') {
            $c->{until} //= time + $arg;
            return 1 if time < $c->{until};
            delete $c->{until};

        } elsif ($what eq 'hold') {
            return 1 if !-e "$self->{base}.$arg";

        } elsif ($what eq 'silence') {
            $c->{silent} = 1;
            return 1;

        } elsif ($what eq 'reset') {
            setsockopt $c->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
            return 0;

        } else {
            send $c->{socket}, $arg, MSG_MORE if defined $arg;
            return 0;
        }

        shift @$steps;
    }

    return 1;
}


# takes one whole command, if it is there, off the buffer
sub _command {
    my ($buffer) = @_;
    my @args;

    # without a "*" it is an inline command, of words
    if ($$buffer =~ s/\A([^*\r\n][^\r\n]*)\r?\n//) {
        return split ' ', $1;
    }

    for ($$buffer) {
        pos = 0;
        /\G\*(\d+)\r\n/gc or return;
        for (1 .. $1) {
            $$buffer =~ /\G\$(\d+)\r\n/gc or return;
            my $start = pos $$buffer;
            length $$buffer >= $start + $1 + 2 or return;
            push @args, substr $$buffer, $start, $1;
            pos($$buffer) = $start + $1 + 2;
        }
        substr($_, 0, pos) = '';
    }

    return @args;
}


END {
    if ($$ == $owner) {
        local $?;
        $_->kill for @running;
    }
}


1;
