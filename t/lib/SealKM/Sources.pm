package SealKM::Sources;

# What the module's C says, for the tests that compare the documentation with it.
#
#     c_files()                 ngx_http_seal_km_module.c and all of src/
#     literals($file)           its string literals, adjacent ones joined, comments
#                               and debug messages left out
#     messages()                [ $text, $file ] of each that a log may have: a
#                               piece of a sentence, with "\x{2026}" in the place
#                               of what nginx and C format (%V, %s ...)
#     reasons()                 [ word, status, ErrorCode or undef ] of each row of
#                               the table of reasons, in its order
#     directives()              names in the module's table of directives

use strict;
use warnings;

use Exporter 'import';
use SealKM::Tool;

our @EXPORT = qw(messages reasons directives);

# sentences for others than the log: responses and metrics.  That of a reason is in
# the log as well, behind its word, and the words are in docs/protocol.md
my %OTHERS = map { $_ => 1 } qw(
    src/protocol/message/seal_km_reason.c
    src/protocol/retrieval/seal_km_problem.c
    src/http/operator/ngx_http_seal_km_metrics_text.c
    src/http/operator/ngx_http_seal_km_metrics.c
    src/http/interface/ngx_http_seal_km_page.c
);
my %NO_MESSAGE = map { $_ => 1 } ('425 Too Early', 'Bearer realm="SEAL KM"',
                                  'ERR max number of clients',
                                  # of the compiler
                                  'SEAL KM is HTTP over TLS: build nginx '
                                  . '--with-http_ssl_module');


sub c_files {
    my $top = source('');
    my @found;
    my @folders = ('src');

    while (defined(my $folder = shift @folders)) {
        for my $path (sort glob "$top$folder/*") {
            my $name = $path =~ s/^\Q$top\E//r;
            push @folders, $name if -d $path;
            push @found, $name if $name =~ /\.[ch]\z/;
        }
    }

    return ('ngx_http_seal_km_module.c', @found);
}


sub literals {
    my ($file) = @_;
    my $text = text_of(source($file));
    my (@found, $literal);
    my $debug = 0;

    while ($text =~ /\G(?: "((?:[^"\\\n]|\\.)*)" | '(?:[^'\\\n]|\\.)*' | \/\*.*?\*\/
                         | \s+ | (\w+) | (.))/gcxs)
    {
        my ($string, $word, $other) = ($1, $2, $3);

        if ($debug) {
            # to the end of the call
            $debug += { '(' => 1, ')' => -1 }->{ $other // '' } // 0;
            $debug = 0 if $debug == 1 && ($other // '') eq ')';
        } elsif (defined $string) {
            $literal .= $string;
        } elsif (defined $word && $word =~ /^ngx_log_debug\d\z/) {
            $debug = 1;
        } elsif (defined $word && $word =~ /^(?:ngx_\w+_n|PRI\w+)\z/) {
            # a text of nginx's between two of ours
            $literal .= '%s' if defined $literal;
        } elsif (defined $word || defined $other) {
            push @found, $literal =~ s/\\"/"/gr if defined $literal;
            undef $literal;
        }
    }

    return @found;
}


sub messages {
    my @found;

    for my $file (grep { !$OTHERS{$_} } c_files()) {
        for (literals($file)) {
            next if !/[a-z]{2,}[),:;]* [a-z%"]/i || $NO_MESSAGE{$_};
            s/%Z//g;
            s/(?:%[*.]*[a-z]*[A-Za-z])+/\x{2026}/g;
            s/^\s+|[\s,]+$//g;
            # where it is in the configuration
            s/,? in \x{2026}:\x{2026}\z//;
            push @found, [ $_, $file ];
        }
    }

    return @found;
}


sub reasons {
    my ($rows) = text_of(source('src/protocol/message/seal_km_reason.c'))
        =~ /seal_km_reasons\[SEAL_KM_REASON_MAX\] = \{(.*?)^\};/ms
        or die "there is no table of reasons\n";
    my @found;

    while ($rows =~ /\{ "(\w+)", (\d+), (?:NULL|"(\d\d)")/g) {
        push @found, [ $1, $2, $3 ];
    }

    return @found;
}


sub directives {
    return text_of(source('ngx_http_seal_km_module.c'))
        =~ /ngx_string\("(seal_km_\w+)"\),\s*NGX_HTTP_/g;
}


1;
