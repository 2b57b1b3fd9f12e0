package SealKM::Redis;

# A private redis-server of a test: on loopback and a UNIX socket, in a
# temporary directory, saving nothing, killed with the test.
#
#     my $redis = SealKM::Redis->start(requirepass => 'secret');
#     $redis->set('seal:km:v2x.example:service', 'key material');
#     $redis->cli('DBSIZE');                  redis-cli's output
#     $redis->command('GET', 'x');            the reply; dies of an error reply
#     $redis->address, $redis->unix           for seal_km_pass
#     $redis->tls_address
#     $redis->calls('get')                    how often it was called
#     $redis->stop, ->cont, ->kill, ->restart
#     SealKM::Redis::pids()                   of all that run
#
# Options: port (of another one that is dead), requirepass, acl (lines of an ACL
# file), login (what the test itself sends with AUTH; requirepass by default),
# tls (one of SealKM::Certificates: a port more, with TLS), tls_auth (the
# authority that client certificates are to be of), args (more arguments of
# redis-server), config (lines of a configuration file, which it may change).  The
# program is $SEAL_KM_REDIS_SERVER, redis-server by default, and redis-cli its
# counterpart: valkey-cli for valkey-server.

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;
use SealKM::Util;

my @running;
my $owner = $$;


sub start {
    my ($class, %opts) = @_;
    my $n = @running;
    my $self = bless { %opts }, $class;

    $self->{port} //= free_port();
    $self->{login} //= [ $opts{requirepass} // () ];
    $self->{dir} = temp_dir() . "/redis$n";
    mkdir $self->{dir} or die "$self->{dir}: $!";

    $self->{args} = [
        '--port', $self->{port}, '--bind', '127.0.0.1', '-::1',
        '--dir', $self->{dir},
        '--unixsocket', "$self->{dir}/sock", '--save', '', '--appendonly', 'no',
        '--logfile', "$self->{dir}/log", '--daemonize', 'no',
        ($opts{requirepass} ? ('--requirepass', $opts{requirepass}) : ()),
        ($opts{acl} ? ('--aclfile', temp_file($opts{acl}, "redis$n.acl")) : ()),
    ];

    if ($opts{tls}) {
        $self->{tls_port} //= free_port();
        push @{ $self->{args} }, '--tls-port', $self->{tls_port},
            '--tls-cert-file', $opts{tls}{crt},
            '--tls-key-file', $opts{tls}{key},
            '--tls-ca-cert-file', $opts{tls_auth} // $opts{tls}{crt},
            '--tls-auth-clients', $opts{tls_auth} ? 'yes' : 'no';
    }

    push @{ $self->{args} }, @{ $opts{args} // [] };
    unshift @{ $self->{args} }, temp_file($opts{config}, "redis$n.conf")
        if $opts{config};

    push @running, $self;
    return $self->restart;
}


sub server_program { return $ENV{SEAL_KM_REDIS_SERVER} || 'redis-server' }
sub cli_program    { return server_program() =~ s/-server\b/-cli/r }


# those that run
sub pids { return grep { $_ } map { $_->{pid} } @running }

sub port    { return $_[0]{port} }
sub address { return "127.0.0.1:$_[0]{port}" }
sub pid     { return $_[0]{pid} }
sub dir     { return $_[0]{dir} }
sub unix    { return "unix:$_[0]{dir}/sock" }
sub tls_address { return "127.0.0.1:$_[0]{tls_port}" }


# starts it (again, empty, but for what it saved) and waits until it answers, or
# with loading => 1 does so even if only that it is still loading
sub restart {
    my ($self, %opts) = @_;
    my $program = server_program();

    $self->kill;
    defined($self->{pid} = fork) or die "fork: $!";

    if (!$self->{pid}) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        exec { $program } $program, @{ $self->{args} }
            or warn "$program: $!\n";
        require POSIX;
        POSIX::_exit(1);
    }

    wait_for(sub {
        waitpid($self->{pid}, 1) and die "$program does not start: $self->{dir}/log has:\n"
            . join '', _last_lines("$self->{dir}/log");
        my $reply = eval { $self->_ask('PING') };
        return defined $reply && ($opts{loading} || $reply !~ /^-LOADING/);
    }) or die "$program does not answer\n";

    return $self;
}


sub _last_lines {
    my ($path) = @_;
    open my $file, '<', $path or return "nothing\n";
    my @lines = <$file>;
    return @lines > 5 ? @lines[-5 .. -1] : @lines;
}


sub stop { CORE::kill 'STOP', $_[0]{pid}; return }
sub cont { CORE::kill 'CONT', $_[0]{pid}; return }


sub kill {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    delete @$self{'connection', 'ready'};
    CORE::kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}


# the output of redis-cli
sub cli {
    my ($self, @args) = @_;
    my ($password, $user) = reverse @{ $self->{login} };
    my @login = ((defined $user ? ('--user', $user) : ()),
                 (defined $password ? ('--pass', $password) : ()));

    open my $out, '-|', cli_program(), '--no-auth-warning', '-p',
        $self->{port}, @login, @args or die cli_program() . ": $!";
    local $/;
    my $text = <$out> // '';
    close $out;
    $text =~ s{\n\z}{};
    return $text;
}


sub set   { my $self = shift; return $self->command('SET', @_) }
sub del   { my $self = shift; return $self->command('DEL', @_) }
sub flush { return $_[0]->command('FLUSHALL') }


# the names of the clients connected, this one left out
sub clients {
    my ($self) = @_;
    my $id = $self->command('CLIENT', 'ID');

    return map { /\bname=(\S*)/ }
           grep { !/^id=$id / } split /\n/, $self->command('CLIENT', 'LIST');
}


# how often the command was called, since the statistics were reset; those of a
# subcommand are "cluster|slots"
sub calls {
    my ($self, $name) = @_;
    my ($n) = $self->command('INFO', 'commandstats')
        =~ /^cmdstat_\Q$name\E:calls=(\d+)/m;

    return $n // 0;
}


sub command {
    my ($self, @args) = @_;
    my $old = $self->{connection};

    my $reply = eval { $self->_login; $self->_ask(@args) };
    if ($@) {
        # of one that was open already the server may have had enough
        die $@ if !$old || $@ !~ /connection closed/;
        $self->_login;
        $reply = $self->_ask(@args);
    }

    die "Redis: $1\n" if defined $reply && !ref $reply && $reply =~ /^-(.*)/;
    return defined $reply ? substr($reply, 1) : undef;
}


sub _login {
    my ($self) = @_;
    return $self->{ready} ||= !@{ $self->{login} }
                              || $self->_ask('AUTH', @{ $self->{login} });
}


# "+OK", ":1", "$value", "-ERR ..." or undef for nil
sub _ask {
    my ($self, @args) = @_;

    my $c = $self->{connection} //= IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 30)
        or die "Redis: $@\n";

    local $/ = "\r\n";
    print $c '*' . @args . "\r\n",
             map { '$' . length($_) . "\r\n$_\r\n" } @args;
    $c->flush;

    my $line = <$c>;
    if (!defined $line) {
        delete @$self{'connection', 'ready'};
        die "Redis: connection closed\n";
    }

    chomp $line;
    return $line if $line !~ /^\$(-?\d+)/;
    return undef if $1 < 0;
    read $c, my $value, $1 + 2;
    chomp $value;
    return '$' . $value;
}


END {
    if ($$ == $owner) {
        local $?;
        $_->kill for @running;
    }
}


1;
