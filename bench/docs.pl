#!/usr/bin/perl
# Makes of what bench/bench.pl has measured the tables and bars of
# docs/performance.md: what stands there between two marks is written anew.
#
#   bench/docs.pl [FILE]            by default bench/results.json
#
# Bars are drawn by gnuplot.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";
use SealKM::JSON;

my $docs = "$FindBin::Bin/../docs";
my $page = "$docs/performance.md";

my %LABEL = (
    'return'       => '`return 200`',
    'cached'       => 'module',
    'uncached'     => 'module',
    'encrypted'    => 'module, encrypted record',
    'retrieval'    => 'module, key retrieval',
    'lua'          => 'Lua',
    'lua-uncached' => 'Lua',
);


sub median { my @s = sort { $a <=> $b } @_; return $s[$#s / 2] }
sub label  { return $LABEL{ $_[0] } // $_[0] }


sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}


sub spew {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    return;
}


# of the rounds of two contenders: median, least and most
sub ratio {
    my ($of, $to, $what) = @_;
    my @ratios = sort { $a <=> $b }
        map { $of->[$_]{$what} / ($to->[$_]{$what} || 1) } 0 .. $#$of;
    return (median(@ratios), @ratios[0, -1]);
}


sub is_void { return scalar grep { $_->{void} } @{ $_[0]{rounds} } }


sub middle {
    my ($contender, $what) = @_;
    return median(map { $_->{$what} } @{ $contender->{rounds} });
}


sub thousands {
    my ($n) = @_;
    $n = sprintf '%.0f', $n;
    1 while $n =~ s/^(\d+)(\d{3})/$1,$2/;
    return $n;
}


sub table {
    my ($row) = @_;
    my $base = $row->{contenders}[0];
    my @lines = ('| | CPU, µs | of the first | Redis, µs | requests/s | p50, ms |'
                 . ' p99, ms | p99.9, ms | memory, MB |',
                 '|---|---|---|---|---|---|---|---|---|');

    for my $c (@{ $row->{contenders} }) {
        if (is_void($c) || is_void($base)) {
            push @lines, '| ' . label($c->{name}) . ' | void |' . ' |' x 7;
            next;
        }
        my $ratio = $c == $base ? '1' : sprintf '**%.2f** (%.2f–%.2f)',
            ratio($c->{rounds}, $base->{rounds}, 'cpu');
        push @lines, sprintf '| %s | %.1f | %s | %.1f | %s | %.2f | %.2f | %.2f |'
            . ' %.1f |', label($c->{name}), middle($c, 'cpu'), $ratio,
            middle($c, 'redis'), thousands(middle($c, 'rate')),
            (map { middle($c, $_) / 1000 } qw(p50 p99 p999)),
            middle($c, 'memory') / 1024;
    }
    return ucfirst("$row->{name}:\n\n") . join("\n", @lines) . "\n\n";
}


# what an encrypted record costs beside one that is not
sub encrypted {
    my (@rows) = @_;
    my $text = "| a record of | CPU, encrypted to plain |\n|---|---|\n";
    my $n = 0;

    for my $row (@rows) {
        my %c = map { $_->{name} => $_ } @{ $row->{contenders} };
        next if !$c{encrypted} || !$c{cached};
        next if is_void($c{encrypted}) || is_void($c{cached});
        my ($size) = $row->{name} =~ /(\d+) bytes/ ? $1 : 300;
        $text .= sprintf "| %s bytes | %.2f (%.2f–%.2f) |\n", thousands($size),
            ratio($c{encrypted}{rounds}, $c{cached}{rounds}, 'cpu');
        $n++;
    }
    return $n ? $text : '';
}


# bars of CPU to the first of each row, with their range
sub draw {
    my ($name, $title, @rows) = @_;
    my (@data, @tics);
    my $x = 0;

    for my $row (@rows) {
        my $base = $row->{contenders}[0];
        for my $c (@{ $row->{contenders} }) {
            next if is_void($c) || is_void($base);
            my ($m, $least, $most) = ratio($c->{rounds}, $base->{rounds}, 'cpu');
            my $colour = $c->{name} eq 'return' ? 0xb0b0b0
                : $c->{name} =~ /^lua/ ? 0xd08030 : 0x3060a0;
            push @data, "$x $m $least $most $colour";
            push @tics, '"' . (label($c->{name}) =~ tr/`//dr) . "\" $x";
            $x++;
        }
        my $middle = $x - (@{ $row->{contenders} } + 1) / 2;
        push @tics, '"' . "\\n$row->{name}" . "\" $middle" if @rows > 1;
        $x++;
    }
    my $height = 130 + 22 * $x;

    open my $gnuplot, '|-', 'gnuplot' or die "gnuplot: $!";
    print $gnuplot <<"END";
set terminal svg size 800,480 noenhanced font 'sans-serif,11' background 'white'
set output '$docs/images/$name.svg'
set title '$title'
set style fill solid
set boxwidth 0.8
set yrange [0:*]
set ylabel 'CPU of a request, to the first'
set grid ytics
set xtics rotate by -40 font ',9'
set xtics (@{[ join ', ', grep { !/^"\\n/ } @tics ]})
set bmargin 9
unset key
\$data << EOD
@{[ join "\n", @data ]}
EOD
plot \$data using 1:2:5 with boxes linecolor rgb variable, \\
     \$data using 1:2:3:4 with yerrorbars linecolor rgb '#202020' pointtype -1
END
    close $gnuplot or die "gnuplot failed\n";
    return "![$title](images/$name.svg)\n\n";
}


sub main {
    my $file = $ARGV[0] // "$FindBin::Bin/results.json";
    my $results = from_json(slurp($file));
    my @rows = @{ $results->{rows} };
    my $machine = $results->{machine};
    my @table = @rows[0 .. 3];
    my @growth = grep { $_->{base} ne 'return' } @rows;
    my @other = grep { $_->{base} eq 'return' } @rows[4 .. $#rows];

    my $text = "`$results->{command}`, $results->{date}, on $machine->{model} with "
        . "$machine->{cpus} cores ($machine->{kernel}), nginx $machine->{nginx}, "
        . "OpenSSL $machine->{openssl}, Redis $machine->{redis}, wrk "
        . "$machine->{wrk}; medians of the rounds, and their range.\n\n";

    $text .= draw('bench-table', 'CPU of the worker for one request', @table);
    $text .= table($_) for @table;
    $text .= "### Encryption\n\n" . encrypted(@rows) . "\n" if encrypted(@rows);
    if (@other) {
        $text .= "### Sizes and connections\n\n"
            . draw('bench-sizes', 'CPU by size of the record, and by connections',
                   @other);
        $text .= table($_) for @other;
    }
    if (@growth) {
        $text .= "### Growth\n\n" . draw('bench-growth', 'What grows', @growth);
        $text .= table($_) for @growth;
    }
    chomp $text;

    my $old = slurp($page);
    $old =~ s/(<!-- bench\/docs\.pl -->\n).*?(<!-- end -->)/$1\n$text\n$2/s
        or die "$page has no marks\n";
    spew($page, $old);
    return 0;
}

exit main();
