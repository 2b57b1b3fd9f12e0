package SealKM::Cluster;

# A Redis Cluster of real servers: three masters with a replica each, made with
# redis-cli --cluster create.
#
#     my $cluster = start_cluster(node_timeout => 1000, args => [ ... ]);
#     $cluster->set($key => $value)    at the master that serves it
#     $cluster->slot($key)             its slot
#     $cluster->server($key)           the master that serves it now, and
#     $cluster->replica($master)       a replica of it: SealKM::Redis, both
#     $cluster->masters, ->nodes       of these that serve slots; all of them
#     $cluster->pass('name')           text of an upstream { } with all nodes
#     $cluster->slots($master)         which it serves
#     $cluster->tag($master, $n)       a hash tag of the slot, the nth of these
#     $cluster->begin($slot, $to)      SETSLOT on both sides: what is missing at
#                                      the one is asked for at the other
#     $cluster->migrate($slot)         what keys there are, after begin()
#     $cluster->end($slot)             SETSLOT NODE, after migrate()
#     $cluster->move($slot, $to)       all of that
#     $cluster->reshard($from, $to, $n)   redis-cli --cluster reshard
#     $cluster->settle                 waits till all nodes agree, and are well
#     $cluster->config(name => value)  CONFIG SET at all nodes that run
#     $cluster->calls('get')           the sum of SealKM::Redis->calls
#
# Options: node_timeout (milliseconds), tls (one of SealKM::Certificates, for
# clients and servers), authority (what it is verified with), requirepass, acl
# (lines of an ACL file; login is then the test's own), args (more arguments of
# each redis-server).  With valkey-server all is done by valkey-cli.

use strict;
use warnings;

use Exporter 'import';
use SealKM::Config ();
use SealKM::Redis;
use SealKM::Util;

our @EXPORT = qw(start_cluster);

# a node's port for its peers is that far from the one for clients
use constant BUS => 10_000;


sub start_cluster {
    my (%opts) = @_;
    my $tls = $opts{tls};
    my $self = bless { %opts, nodes => [], by_id => {} }, __PACKAGE__;
    my $login = $opts{login} // [ $opts{requirepass} // () ];
    my ($password, $user) = reverse @$login;

    for (1 .. 6) {
        push @{ $self->{nodes} }, SealKM::Redis->start(
            port  => free_port(BUS),
            login => $login,
            (map { $_ => $opts{$_} } grep { $opts{$_} } qw(requirepass acl)),
            $tls ? (tls => $tls, tls_port => free_port(BUS)) : (),
            args => [
                '--cluster-enabled', 'yes',
                '--cluster-node-timeout', $opts{node_timeout} // 1000,
                '--cluster-require-full-coverage', 'no',
                '--cluster-replica-validity-factor', 0,
                '--cluster-allow-replica-migration', 'no',
                '--repl-diskless-sync-delay', 0,
                '--repl-ping-replica-period', 1,
                (defined $password ? ('--masterauth', $password) : ()),
                (defined $user ? ('--masteruser', $user) : ()),
                ($tls ? ('--tls-ca-cert-file', $opts{authority},
                         '--tls-cluster', 'yes', '--tls-replication', 'yes')
                      : ()),
                @{ $opts{args} // [] },
            ]);
    }

    $self->_manage('create', (map { $self->address($_) } $self->nodes),
                   '--cluster-replicas', 1);
    $self->{by_id} = { map { $_->command(qw(CLUSTER MYID)) => $_ }
                       $self->nodes };
    $self->settle;

    $SealKM::Config::default_pass //= ($self->nodes)[0]->address;
    return $self;
}


sub nodes { return @{ $_[0]{nodes} } }


# where clients find it
sub address {
    my ($self, $node) = @_;
    return $self->{tls} ? $node->tls_address : $node->address;
}


sub pass {
    my ($self, $name) = @_;
    return "upstream $name {\n" . join('', map {
        '    server ' . $self->address($_) . ";\n"
    } $self->nodes) . "}\n";
}


# redis-cli --cluster
sub _manage {
    my ($self, $what, @args) = @_;
    my $log = temp_dir() . '/cluster.log';
    my ($password, $user) = reverse @{ ($self->nodes)[0]{login} };
    my $tls = $self->{tls};

    my @command = (SealKM::Redis::cli_program(), '--no-auth-warning',
        (defined $user ? ('--user', $user) : ()),
        (defined $password ? ('--pass', $password) : ()),
        ($tls ? ('--tls', '--cacert', $self->{authority}, '--cert', $tls->{crt},
                 '--key', $tls->{key}) : ()),
        '--cluster', $what, @args, '--cluster-yes');

    defined(my $pid = fork) or die "fork: $!";

    if (!$pid) {
        require POSIX;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or POSIX::_exit(1);
    }

    waitpid $pid, 0;
    return if !$?;

    open my $file, '<', $log;
    my @lines = <$file>;
    splice @lines, 0, -20 if @lines > 20;
    die "$command[0] --cluster $what: @lines\n";
}


# of CLUSTER NODES, as a node sees it: { node, id, flags, of, slots }
sub _view {
    my ($self, $node) = @_;

    return map {
        my ($id, $address, $flags, $of, undef, undef, undef, $link, @slots)
            = split / /;
        { node => $self->{by_id}{$id}, id => $id, flags => $flags, of => $of,
          slots => [ map { /^(\d+)(?:-(\d+))?\z/ ? [ $1, $2 // $1 ] : () }
                     @slots ] };
    } split /\n/, $node->command(qw(CLUSTER NODES));
}


sub running { return grep { $_->pid } $_[0]->nodes }


# as most of those that run and are part of it see it
sub _map {
    my ($self) = @_;
    my %count;

    for my $node ($self->running) {
        my @view = eval { $self->_view($node) } or next;
        my $text = join ' ', sort map {
            my $set = $_;
            map { "$set->{id}:$_->[0]-$_->[1]" } @{ $set->{slots} };
        } @view;

        $count{$text}[0]++;
        $count{$text}[1] = \@view;
    }

    my ($best) = sort { $b->[0] <=> $a->[0] } values %count;
    return @{ $best->[1] };
}


sub masters {
    my ($self) = @_;
    return map { $_->{node} } grep { @{ $_->{slots} } } $self->_map;
}


sub slots {
    my ($self, $master) = @_;
    my ($set) = grep { ($_->{node} // 0) == $master } $self->_map;

    return map { $_->[0] .. $_->[1] } @{ $set->{slots} };
}


sub replica {
    my ($self, $master) = @_;
    my @map = $self->_map;
    my ($id) = map { $_->{id} } grep { $_->{node} == $master } @map;

    return (map { $_->{node} } grep { $_->{of} eq $id && $_->{flags} !~ /fail/ }
            @map)[0];
}


# CRC-16/XMODEM of the key, or of what is in its first braces, if anything is
sub _crc16 {
    my ($text) = @_;
    my $crc = 0;

    for my $byte (unpack 'C*', $text) {
        $crc ^= $byte << 8;
        $crc = $crc & 0x8000 ? ($crc << 1 ^ 0x1021) & 0xffff : $crc << 1
            for 1 .. 8;
    }

    return $crc;
}


sub slot {
    my ($self, $key) = @_;
    return _crc16($key =~ /^[^{]*\{([^}]+)\}/ ? $1 : $key) % 16384;
}


my @tags;       # of each slot, the first one found
my $tried = 0;

sub tag {
    my ($self, $master, $n) = @_;
    my $slot = ref $master ? ($self->slots($master))[$n // 0] : $master;

    until (defined $tags[$slot]) {
        my $tag = 't' . $tried++;
        $tags[ _crc16($tag) % 16384 ] //= $tag;
    }

    return $tags[$slot];
}


sub server {
    my ($self, $key) = @_;
    my $slot = $self->slot($key);

    for my $set ($self->_map) {
        return $set->{node}
            if grep { $_->[0] <= $slot && $slot <= $_->[1] } @{ $set->{slots} };
    }

    return;
}


# many at once are set by the map of the first
sub set {
    my ($self, %record) = @_;
    my @servers;

    for my $set ($self->_map) {
        for (@{ $set->{slots} }) {
            @servers[ $_->[0] .. $_->[1] ] = ($set->{node}) x ($_->[1] - $_->[0] + 1);
        }
    }

    $servers[ $self->slot($_) ]->set($_, $record{$_}) for keys %record;
    return;
}


# ------------------------------------------------------------------- a slot

sub begin {
    my ($self, $slot, $to) = @_;
    my ($from) = grep { my $n = $_; grep { $_ == $slot } $self->slots($n) }
                 $self->masters;

    return if $from == $to;
    $self->{moves}{$slot} = [ $from, $to ];
    $to->command('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $self->_id($from));
    $from->command('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $self->_id($to));
    return;
}


sub _id {
    my ($self, $node) = @_;
    my %id = reverse %{ $self->{by_id} };
    return $id{$node};
}


# those of the keys, or all that there are
sub migrate {
    my ($self, $slot, @keys) = @_;
    my ($from, $to) = @{ $self->{moves}{$slot} };
    my ($password, $user) = reverse @{ $from->{login} };

    @keys = split /\n/, $from->cli('CLUSTER', 'GETKEYSINSLOT', $slot, 1000)
        if !@keys;
    return if !@keys;

    $from->command('MIGRATE', '127.0.0.1',
        $self->{tls} ? $to->{tls_port} : $to->port, '', 0, 5000,
        (defined $user ? ('AUTH2', $user, $password) :
         defined $password ? ('AUTH', $password) : ()), 'KEYS', @keys);
    return;
}


# the one that takes it is told first: no moment without a server
sub end {
    my ($self, $slot) = @_;
    my ($from, $to) = @{ delete $self->{moves}{$slot} };

    $_->command('CLUSTER', 'SETSLOT', $slot, 'NODE', $self->_id($to))
        for $to, $from;
    return;
}


sub move {
    my ($self, $slot, $to) = @_;

    $self->begin($slot, $to);
    return if !$self->{moves}{$slot};
    $self->migrate($slot);
    $self->end($slot);
    return;
}


sub reshard {
    my ($self, $from, $to, $n) = @_;

    # where nodes have not yet heard of the same, redis-cli refuses
    $self->settle;
    return $self->_manage('reshard', $self->address($from),
        '--cluster-from', $self->_id($from), '--cluster-to', $self->_id($to),
        '--cluster-slots', $n);
}


# -------------------------------------------------------------------- states

# all that run say the same, nothing fails, and each master has its replica
sub settle {
    my ($self, $seconds) = @_;
    my $why;

    wait_for(sub { !defined($why = $self->_unwell) }, $seconds // 90)
        or die "the cluster is not well: $why\n";
    return;
}


sub _unwell {
    my ($self) = @_;
    my %views;

    for my $node ($self->running) {
        my $info = eval { $node->command(qw(CLUSTER INFO)) } // '';
        my $replication = eval { $node->command(qw(INFO replication)) } // '';
        my $who = $node->port;

        return "$who: $info" if $info !~ /^cluster_state:ok/m;
        return "$who: $replication"
            if $replication =~ /^master_link_status:down|state=(?!online)/m;

        my @view = $self->_view($node);
        my ($bad) = grep { $_->{flags} =~ /fail|handshake|noaddr/
                           && $_->{node} && $_->{node}->pid } @view;
        return "$who: $bad->{flags} is " . $bad->{node}->port if $bad;

        $views{ join ' ', sort map {
            my $set = $_;
            "$set->{id} $set->{of} "
                . join ',', map { "$_->[0]-$_->[1]" } @{ $set->{slots} };
        } @view } .= " $who";
    }

    return if keys %views == 1;
    return join "\n", map { "$views{$_}: $_" } sort keys %views;
}


sub config {
    my ($self, @set) = @_;

    $_->command('CONFIG', 'SET', @set) for $self->running;
    return;
}


sub calls {
    my ($self, $name) = @_;
    my $sum = 0;

    $sum += $_->calls($name) for $self->running;
    return $sum;
}


1;
