package SealKM::Sentinel;

# A Redis master with two replicas, and three sentinels that watch them.
#
#     my $ha = start_sentinels(name => 'keys', down_after => 500);
#     $ha->master                      who it is for the sentinels: SealKM::Redis
#     $ha->data, ->sentinels           all of them, dead or alive
#     $ha->replicas                    those of the data that are not the master
#     $ha->set($key => $value)         at the master; the replicas have it then
#     $ha->pass('name')                text of an upstream { } of the sentinels
#     $ha->promoted($old)              waits till a sentinel names another master,
#                                      whose ROLE says so, too; returns it
#     $ha->failover                    SENTINEL FAILOVER, till promoted
#     $ha->settle                      waits till all know of all, and are well
#     $ha->heal                        makes replicas of those that ought to be,
#                                      as the sentinels do after 10 seconds
#
# Options: name (of the master; "seal-km"), down_after, failover_timeout
# (milliseconds), data and sentinel: options of SealKM::Redis for these, whose
# requirepass is that of all the servers; tls_replication to speak TLS among
# them, so that sentinels tell the TLS ports.

use strict;
use warnings;

use Exporter 'import';
use SealKM::Redis;
use SealKM::Util;
use Time::HiRes 'time';

our @EXPORT = qw(start_sentinels);


sub start_sentinels {
    my (%opts) = @_;
    my $self = bless { name => 'seal-km', down_after => 500,
                       failover_timeout => 3000, %opts,
                       servers => [], sentinels => [] }, __PACKAGE__;

    my %data = %{ $opts{data} // {} };
    my %sentinel = %{ $opts{sentinel} // {} };
    my ($password, $user) = reverse @{ $data{login}
                                       // [ $data{requirepass} // () ] };
    my $tls = $opts{tls_replication};

    for (1 .. 3) {
        my ($master) = $self->data;

        push @{ $self->{servers} }, SealKM::Redis->start(%data, args => [
            '--repl-diskless-sync-delay', 0, '--repl-ping-replica-period', 1,
            (defined $password ? ('--masterauth', $password) : ()),
            (defined $user ? ('--masteruser', $user) : ()),
            ($tls ? ('--tls-replication', 'yes') : ()),
            ($master ? ('--replicaof', '127.0.0.1', $self->_port($master)) : ()),
            @{ $data{args} // [] } ]);
    }

    # a sentinel learns of its replicas when it first asks the master: later it
    # asks every 10 seconds
    $self->_replicate($self->data);
    $self->{master} = ($self->data)[0];

    my $monitor = "sentinel monitor $self->{name} 127.0.0.1 "
        . $self->_port($self->{master}) . " 2\n"
        . "sentinel down-after-milliseconds $self->{name} $self->{down_after}\n"
        . "sentinel failover-timeout $self->{name} $self->{failover_timeout}\n"
        . (defined $password ? "sentinel auth-pass $self->{name} $password\n" : '')
        . (defined $user ? "sentinel auth-user $self->{name} $user\n" : '')
        . ($tls ? "tls-replication yes\n" : '')
        . ($sentinel{requirepass} ? "sentinel sentinel-pass $sentinel{requirepass}\n"
                                  : '');

    for my $n (1 .. 3) {
        push @{ $self->{sentinels} }, SealKM::Redis->start(%sentinel,
            config => $monitor,
            args => [ '--sentinel', @{ $sentinel{args} // [] } ]);
    }

    $self->settle(told => 1);
    $SealKM::Config::default_pass //= ($self->sentinels)[0]->address;
    return $self;
}


sub data      { return @{ $_[0]{servers} } }
sub sentinels { return @{ $_[0]{sentinels} } }
sub _running  { return grep { $_->pid } @_ }
sub _port     { return $_[0]{tls_replication} ? $_[1]{tls_port} : $_[1]->port }


sub pass {
    my ($self, $name) = @_;
    return "upstream $name {\n" . join('', map {
        '    server ' . ($_->{tls_port} ? $_->tls_address : $_->address) . ";\n"
    } $self->sentinels) . "}\n";
}


sub _info { return eval { $_[0]->command('INFO', $_[1]) } // '' }


# the first of them has the others for its replicas
sub _replicate {
    my ($self, $master, @others) = @_;

    wait_for(sub {
        my @online = _info($master, 'replication') =~ /state=online/g;
        return @online == @others
               && !grep { _info($_, 'replication')
                          !~ /^master_link_status:up/m } @others;
    }, 60) or die "no replication\n";
    return;
}


# whom most of the sentinels name, and who says so himself
sub master {
    my ($self) = @_;
    my %count;

    for my $sentinel (_running($self->sentinels)) {
        my ($port) = _info($sentinel, 'sentinel')
            =~ /^master0:.*address=127\.0\.0\.1:(\d+)/m or next;
        $count{$port}++;
    }

    my ($port) = sort { $count{$b} <=> $count{$a} } keys %count;
    my ($master) = grep { $self->_port($_) == ($port // 0) } $self->data;

    return if !$master || !$master->pid
              || _info($master, 'replication') !~ /^role:master/m;
    return $master;
}


sub replicas {
    my ($self) = @_;
    my $master = $self->master // 0;

    return grep { $_ != $master } $self->data;
}


sub set {
    my ($self, %record) = @_;
    my $master = $self->master or die "no master\n";
    my $n = grep { _info($_, 'replication') =~ /^master_link_status:up/m }
            _running($self->replicas);

    $master->set($_, $record{$_}) for keys %record;
    $master->command('WAIT', $n, 5000) >= $n or die "no replication\n";
    return;
}


# the first sentinel that names it is enough
sub promoted {
    my ($self, $old, $seconds) = @_;

    return wait_for(sub {
        for my $sentinel (_running($self->sentinels)) {
            my ($port) = _info($sentinel, 'sentinel')
                =~ /^master0:.*address=127\.0\.0\.1:(\d+)/m or next;
            my ($new) = grep { $self->_port($_) == $port } $self->data;

            return $new if $new && $new != $old && $new->pid
                           && _info($new, 'replication') =~ /^role:master/m;
        }

        return 0;
    }, $seconds // 60) || die "no new master\n";
}


# a sentinel gives up where the replica is slow, and nobody would ask it again
sub failover {
    my ($self) = @_;
    my $old = $self->master;
    my ($sentinel) = $self->sentinels;

    for (1 .. 5) {
        $sentinel->command('SENTINEL', 'FAILOVER', $self->{name});
        wait_for(sub { !$self->_fails_over($sentinel, $old) }, 60);

        my $new = eval { $self->promoted($old, 5) };
        return $new if $new;
    }
    die "no new master\n";
}


# neither done nor given up
sub _fails_over {
    my ($self, $sentinel, $old) = @_;
    my %set = split /\n/, $sentinel->cli('SENTINEL', 'MASTER', $self->{name});

    return $set{port} == $self->_port($old) && $set{flags} =~ /failover_in_progress/;
}


sub heal {
    my ($self) = @_;
    my $master = wait_for(sub { $self->master // 0 }) or die "no master\n";
    my @replicas = grep { $_ != $master } _running($self->data);

    for my $replica (@replicas) {
        $replica->command('REPLICAOF', '127.0.0.1', $self->_port($master))
            if _info($replica, 'replication') =~ /^role:master/m;
    }

    $self->_replicate($master, @replicas);
    return;
}


# told => 1: the sentinels have seen that the replicas are well, too, for which
# they look every 10 seconds
sub settle {
    my ($self, %opts) = @_;
    my $running = _running($self->data);
    my $replicas = $self->data - 1;

    wait_for(sub {
        my $master = $self->master or return 0;
        my $port = $self->_port($master);

        for my $sentinel (_running($self->sentinels)) {
            my %set = split /\n/, $sentinel->cli('SENTINEL', 'MASTER',
                                                 $self->{name});

            return 0 if $set{port} != $port || $set{flags} ne 'master'
                        || $set{'num-slaves'} != $replicas
                        || $set{'num-other-sentinels'} < 2;
            next if !$opts{told};

            my @up = $sentinel->cli('SENTINEL', 'REPLICAS', $self->{name})
                =~ /^master-link-status\nok$/mg;
            return 0 if @up != $running - 1;
        }

        my @up = grep { _info($_, 'replication') =~ /^master_link_status:up/m }
                 _running($self->data);
        return @up == $running - 1;
    }, 90) or die "the sentinels are not well\n";
    return;
}


1;
