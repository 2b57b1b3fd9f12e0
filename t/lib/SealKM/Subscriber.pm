package SealKM::Subscriber;

# Who hears what is published to a channel of a SealKM::Redis.
#
#     my $ear = SealKM::Subscriber->start($redis, 'alarms');
#     $ear->next              the next message, for which it waits; undef if none
#     $ear->next(0.5)         comes, within so many seconds

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use SealKM::Util;
use Time::HiRes 'time';


# once this returns nothing that is published is missed
sub start {
    my ($class, $redis, $channel) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $redis->port, Timeout => 30)
        or die "Redis: $@\n";
    my $self = bless { socket => $socket, in => '' }, $class;
    my @login = @{ $redis->{login} };

    if (@login) {
        $self->_send('AUTH', @login);
        wait_for(sub { $self->_read(0.1); $self->{in} =~ s/\A\+OK\r\n// })
            or die "Redis: $self->{in}\n";
    }

    $self->_send('SUBSCRIBE', $channel);
    my @reply = $self->_reply(seconds(30));
    die "no subscription\n" if !@reply || $reply[0] ne 'subscribe';
    return $self;
}


sub next {
    my ($self, $seconds) = @_;
    my @reply = $self->_reply(seconds($seconds // 40));

    return $reply[2];
}


sub _send {
    my ($self, @args) = @_;

    print { $self->{socket} } '*' . @args . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @args;
    $self->{socket}->flush;
    return;
}


# an array of three, the last of which may be a number
sub _reply {
    my ($self, $seconds) = @_;
    my $until = time + $seconds;

    for ( ;; ) {
        my $in = $self->{in};
        my @elements;

        if ($in =~ s/\A\*3\r\n//) {
            while (@elements < 3) {
                if ($in =~ s/\A:(\d+)\r\n//) {
                    push @elements, $1;
                } elsif ($in =~ s/\A\$(\d+)\r\n// && length $in >= $1 + 2) {
                    push @elements, substr $in, 0, $1;
                    substr($in, 0, $1 + 2) = '';
                } else {
                    last;
                }
            }
        }

        if (@elements == 3) {
            $self->{in} = $in;
            return @elements;
        }

        my $left = $until - time;
        return if $left <= 0 || !$self->_read($left);
    }
}


sub _read {
    my ($self, $seconds) = @_;

    IO::Select->new($self->{socket})->can_read($seconds) or return;
    return sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
}


1;
