package SealKM::Dns;

# A name server on a loopback port, in a process of its own, whose answers a test
# changes as it goes.
#
#     my $dns = fake_dns('redis.test' => [ 1, '127.0.0.2' ], ...);
#     $dns->set('redis.test' => [ 60, '127.0.0.2', '127.0.0.3' ]);   TTL, addresses
#     $dns->set('redis.test' => 'NXDOMAIN');     or SERVFAIL, or SILENT
#     $dns->asked('redis.test')      how often, for an IPv4 address
#     $dns->directive                "resolver ...;"
#
# Names that it does not know are NXDOMAIN; of several addresses another one is
# the first each time.

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use SealKM::JSON;
use SealKM::Util;

our @EXPORT = qw(fake_dns);

my %CODE = (SERVFAIL => 2, NXDOMAIN => 3);
my @running;
my $owner = $$;
my $started = 0;


sub fake_dns {
    my (%names) = @_;
    my $port = free_port();
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp',
        LocalPort => $port) or die "name server: $@\n";

    my $self = bless { port => $port, names => {},
                       path => temp_dir() . '/dns' . ++$started }, __PACKAGE__;
    temp_file('', "dns$started.log");
    $self->set(%names);

    defined($self->{pid} = fork) or die "fork: $!";

    if (!$self->{pid}) {
        $SIG{__DIE__} = 'DEFAULT';
        my $parent = getppid;
        eval { $self->_serve($socket, $parent); 1 }
            or print STDERR "# name server: $@";
        POSIX::_exit(0);
    }

    push @running, $self;
    return $self;
}


sub directive { return "resolver 127.0.0.1:$_[0]{port} ipv6=off;\n" }


sub set {
    my ($self, %names) = @_;

    $self->{names}{$_} = $names{$_} for keys %names;

    # at once: it is read at each question
    open my $file, '>', "$self->{path}.new" or die "$self->{path}: $!";
    print $file to_json($self->{names});
    close $file;
    rename "$self->{path}.new", "$self->{path}.names" or die "$self->{path}: $!";
    return;
}


sub asked {
    my ($self, $name) = @_;

    open my $file, '<', "$self->{path}.log" or die "$self->{path}.log: $!";
    return scalar grep { $_ eq "$name\n" } <$file>;
}


sub kill {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    CORE::kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}


sub _serve {
    my ($self, $socket, $parent) = @_;
    my $select = IO::Select->new($socket);
    my $turn = 0;

    open my $log, '>>', "$self->{path}.log" or die "$self->{path}.log: $!";
    $log->autoflush(1);

    while (getppid == $parent) {
        $select->can_read(0.1) or next;
        my $client = recv $socket, my $question, 4096, 0;
        defined $client or next;

        my ($id, $flags) = unpack 'nn', $question;
        my $rest = substr $question, 12;
        my @labels;
        while ($rest =~ s/^([^\0])//s) {
            push @labels, substr $rest, 0, ord $1, '';
        }
        my $name = lc join '.', @labels;
        my ($type) = unpack 'x n', $rest;
        my $section = substr $question, 12, length($question) - 12
                                            - length($rest) + 5;

        print $log "$name\n" if $type == 1;
        open my $file, '<', "$self->{path}.names" or next;
        my $set = from_json(do { local $/; <$file> })->{$name} // 'NXDOMAIN';
        next if $set eq 'SILENT';

        my ($ttl, @addresses) = ref $set ? @$set : 0;
        @addresses = () if $type != 1;
        push @addresses, splice @addresses, 0, $turn++ % @addresses if @addresses;

        send $socket, pack('n6', $id, 0x8180 | (ref $set ? 0 : $CODE{$set}), 1,
                           scalar @addresses, 0, 0)
            . $section . join('', map {
                pack 'n n n N n C4', 0xc00c, 1, 1, $ttl, 4, split /\./
            } @addresses), 0, $client;
    }
}


END {
    if ($$ == $owner) {
        local $?;
        $_->kill for @running;
    }
}


1;
