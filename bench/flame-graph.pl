#!/usr/bin/perl
# Draws what callgrind has counted as a flame graph, by gnuplot: each function
# stands on the one that called it, as wide as what was counted in it and in what
# it called.
#
#   bench/flame-graph.pl CALLGRIND-FILE SVG-FILE
#
# bench/instructions.pl keep ROW FILE makes such a file.  callgrind knows who
# called whom, not on whose behalf: of a function that several call each has its
# share.  A function without a name (nginx and OpenSSL are stripped) is left out,
# and stands for those that it calls.

use strict;
use warnings;

use constant {
    ROOT  => 'ngx_process_events_and_timers',
    LEAST => 0.004,     # of all: what is drawn
    WORDS => 0.045,     # what is named
    DEPTH => 40,
};

my (%name, %object, %self, %calls, %width, @boxes);


sub read_counts {
    my ($path) = @_;
    my (%objects, $object, $callee_object, $function, $callee, $is_call);

    open my $file, '<', $path or die "$path: $!";

    while (<$file>) {
        if (/^(c?)ob=\((\d+)\)(?: (.*))?/) {
            $objects{$2} = $3 if defined $3;
            if ($1) { $callee_object = $objects{$2} }
            else    { $object = $objects{$2} }

        } elsif (my ($called, $id, $name) = /^(c?)fn=\((\d+)\)(?: (.*))?/) {
            $name{$id} = $name =~ s/'\d+$//r if defined $name;
            if ($called) {
                $callee = $id;
                $object{$id} //= $callee_object // $object;
                undef $callee_object;
            } else {
                $function = $id;
                $object{$id} = $object;
            }

        } elsif (/^calls=/) {
            $is_call = 1;

        } elsif (/^(?:[+-]?\d+|\*)\s+(\d+)/) {
            if ($is_call) { $calls{$function}{$callee} += $1 }
            else          { $self{$function} += $1 }
            $is_call = 0;
        }
    }
    return;
}


sub total {
    my ($function) = @_;
    my $total = $self{$function} // 0;
    $total += $_ for values %{ $calls{$function} // {} };
    return $total || 1;
}


# who had it compiled: the colour
sub colour {
    my ($function) = @_;
    my ($name, $object) = ($name{$function}, $object{$function} // '');

    return '#3878b8' if $name =~ /seal_km/;
    return '#58a8a0' if $object =~ /seal_km/;
    return '#e09040' if $object =~ /lib(?:crypto|ssl)/;
    return '#d8d070' if $object =~ /\blib/;
    return '#b0b0b0';
}


# what is below a function, of which there are so many instructions, from x on
sub lay_out {
    my ($function, $width, $x, $level, $path) = @_;
    my $share = $width / total($function);

    for my $callee (sort { $calls{$function}{$b} <=> $calls{$function}{$a} }
                    keys %{ $calls{$function} // {} }) {
        my $w = $calls{$function}{$callee} * $share;
        next if $w < LEAST || $level > DEPTH || $path->{$callee};

        my $named = $name{$callee} !~ /^0x|^\?/;
        push @boxes, [ $callee, $x, $w, $level ] if $named;
        lay_out($callee, $w, $x, $level + ($named ? 1 : 0),
                { %$path, $callee => 1 });
        $x += $w;
    }
    return;
}


sub draw {
    my ($svg) = @_;
    my $top = 1;
    for (@boxes) { $top = $_->[3] + 1 if $_->[3] + 1 > $top }

    open my $gnuplot, '|-', 'gnuplot' or die "gnuplot: $!";
    printf $gnuplot "set terminal svg size 1200,%d noenhanced font 'sans-serif,9'"
        . " background 'white'\nset output '%s'\nunset key\nunset border\n"
        . "unset tics\nset margins 0,0,0,0\n", 20 * $top + 10, $svg;
    my $n = 0;

    for my $box (@boxes) {
        my ($function, $x, $w, $level) = @$box;
        my $name = $name{$function} =~ s/\.(?:part|isra|constprop|lto_priv)\.\d+//gr;
        $name =~ s/^ngx_http_seal_km_/~/;
        $name = substr $name, 0, int($w * 190);

        printf $gnuplot "set object %d rectangle from %.5f,%.2f to %.5f,%.2f"
            . " fillcolor rgb '%s' fillstyle solid border lc rgb 'white'\n", ++$n,
            $x, $level, $x + $w, $level + 0.95, colour($function);
        printf $gnuplot "set label %d \"%s\" at %.5f,%.2f left front\n", $n,
            $name, $x + 0.002, $level + 0.48 if $w >= WORDS;
    }
    print $gnuplot "plot [0:1] [0:$top] NaN\n";
    close $gnuplot or die "gnuplot failed\n";
    return;
}


@ARGV == 2 or die "usage: bench/flame-graph.pl CALLGRIND-FILE SVG-FILE\n";
read_counts($ARGV[0]);
my ($root) = grep { $name{$_} eq ROOT } keys %name;
die 'there is no ' . ROOT . " in $ARGV[0]\n" if !defined $root;
push @boxes, [ $root, 0, 1, 0 ];
lay_out($root, 1, 0, 1, { $root => 1 });
draw($ARGV[1]);
