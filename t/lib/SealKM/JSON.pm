package SealKM::JSON;

# JSON as the tests need it: written with members in a given order, with any
# raw text in place of a value, and read with the members' order and raw text.
#
#     to_json([ 1, 'a', \'1.0e9' ])      [1,"a",1.0e9]
#     object(A => 1, B => undef)         {"A":1}          undef: no member
#     members('{"b":1,"a":[2]}')         ([ 'b', '1' ], [ 'a', '[2]' ])
#
# Strings are characters; what is written is UTF-8.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use Scalar::Util 'blessed';

our @EXPORT = qw(to_json from_json object members canonical);

my $JSON = JSON::PP->new->utf8->allow_nonref->canonical;


sub to_json {
    my ($value) = @_;

    return $$value if ref $value eq 'SCALAR';
    return '[' . join(',', map { to_json($_) } @$value) . ']'
        if ref $value eq 'ARRAY';
    return object(map { $_ => $value->{$_} } sort keys %$value)
        if ref $value eq 'HASH';
    return $JSON->encode($value);
}


sub object {
    my @text;

    while (my ($name, $value) = splice @_, 0, 2) {
        push @text, $JSON->encode("$name") . ':' . to_json($value)
            if defined $value;
    }

    return '{' . join(',', @text) . '}';
}


sub from_json { return $JSON->decode($_[0]) }


# the one text of what $text says
sub canonical { return $JSON->encode($JSON->decode($_[0])) }


# the members of the object $text, outermost ones only; dies if it is none
sub members {
    my ($text) = @_;
    my @members;

    die "no JSON object: $text\n" if ref $JSON->decode($text) ne 'HASH';

    for ($text) {
        /\G\s*\{\s*/gc;

        while (/\G(?=")/gc) {
            my $name = $JSON->decode(_token());
            /\G\s*:\s*/gc;
            push @members, [ $name, _token() ];
            /\G[\s,]*/gc;
        }
    }

    return @members;
}


# the raw text of the value at pos() of $_, which is known to be well-formed
sub _token {
    my ($start, $depth) = (pos, 0);

    do {
        if (/\G"/gc) {
            1 while /\G[^"\\]+/gc || /\G\\./gcs;
            /\G"/gc;

        } elsif (/\G[\[{]/gc) {
            $depth++;

        } elsif (/\G[\]}]/gc) {
            $depth--;

        } else {
            $depth ? /\G[^"\[\]{}]+/gc : /\G[^\s,\]}]+/gc;
        }
    } while $depth;

    return substr $_, $start, pos() - $start;
}


1;
