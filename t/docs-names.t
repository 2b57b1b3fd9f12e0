# What the pages list is what the sources have, and all of it: directives and
# where they may stand (docs/directives.md), variables (the same), reasons with
# their status and ErrorCode (docs/protocol.md, docs/troubleshooting.md).  Metrics:
# monitoring.t; lines of the error log: troubleshooting.t.

use strict;
use warnings;

use lib 't/lib';
use SealKM::Sources;
use SealKM::Tool;
use Test::More;

my $page = text_of(source('docs/directives.md'));


# ---------------------------------------------------------------- directives

my $module = text_of(source('ngx_http_seal_km_module.c'));
my %level = (MAIN => 'http', SRV => 'server', LOC => 'location');
my @in_order = qw(MAIN SRV LOC);
my %context;

my ($any) = $module =~ /define NGX_HTTP_SEAL_KM_ANY\s[\s\\]*(\S+)/;

while ($module =~ /ngx_string\("(seal_km_\w+)"\),\s*((?:NGX_\w+\s*\|?\s*)+),/g) {
    my ($name, $flags) = ($1, $2);
    $flags =~ s/NGX_HTTP_SEAL_KM_ANY/$any/;
    $context{$name} = join ', ', map { $level{$_} }
        grep { $flags =~ /NGX_HTTP_${_}_CONF\b/ } @in_order;
}

is(join(' ', sort keys %context), join(' ', sort(directives())),
   'each directive has levels');

my ($table) = $page =~ /^(\| Directive .*?)\n\n/ms;
my @listed = $table =~ /^\| \[`(\w+)`\]\(#\1\)/mg;
is(join(' ', sort @listed), join(' ', sort keys %context), 'the table has them all');

my %section;
$section{$1} = $2 while $page =~ /^## (seal_km_\w+)\n\n```\n(.*?)^```$/gms;
is(join(' ', sort keys %section), join(' ', sort keys %context),
   'each has a section');

for my $name (sort keys %section) {
    my ($syntax) = $section{$name} =~ /^Syntax: +(\S+)/m;
    my ($where) = $section{$name} =~ /^Context: +(.*)/m;
    my %told = map { $_ => 1 } split /[,;] */, ($where // '') =~ s/ \([^)]*\)//gr;

    is($syntax =~ s/;\z//r, $name, "$name: syntax");
    is(join(', ', grep { delete $told{$_} } map { $level{$_} } @in_order)
       . join(' ', keys %told), $context{$name} =~ s/, $//r, "$name: context");
    like($section{$name}, qr/^Default: +\S/m, "$name: default");
}

# no page speaks of one that is not there
my %known = map { $_ => 1 } keys %context;
my $variables = text_of(source('src/http/variables/ngx_http_seal_km_variables.c'));
my @variable = $variables =~ /ngx_string\("(seal_km_\w+)"\), NULL/g;
my %variable = map { $_ => 1 } @variable;

for my $path (source('README.md'), glob source('docs/*.md')) {
    my ($file) = $path =~ m{([^/]+)\z};
    my %unknown;

    for (text_of($path) =~ /(\$\{?seal_km_\w+|(?<![\w\/.\$\{])seal_km_\w+)(?![\w.*])/g) {
        my $name = s/[{]//r;
        if ($name =~ s/^\$//) {
            $unknown{"\$$name"} = 1 if !$variable{$name} && $name !~ /^seal_km_claim_/;
        } else {
            $unknown{$name} = 1 if !$known{$name} && $name !~ /_\z/;
        }
    }
    delete @unknown{grep { is_other($_, $path) } keys %unknown};
    is(join(' ', sort keys %unknown), '', "$file names no other");
}

# metrics (monitoring.t has these), names of formats and zones, and C
sub is_other {
    my ($name, $path) = @_;

    return 1 if $name =~ /^seal_km(?:_audit)?\z/;
    return text_of(source('src/http/operator/ngx_http_seal_km_metrics_text.c'))
           =~ /"\Q$name\E"/
           || $path =~ /(?:architecture|design|performance)\.md\z/;
}


# ----------------------------------------------------------------- variables

my ($embedded) = $page =~ /^## Embedded variables\n(.*)/ms;
my @told = $embedded =~ /^\| `\$(seal_km_\w+)` \|/mg;
is(join(' ', sort map { s/NAME//r } @told), join(' ', sort @variable), 'variables');


# ------------------------------------------------------------------- reasons

my @rows = map { my ($word, $status, $code) = @$_;
                 "$word $status " . ($code // "\xe2\x80\x93") } reasons();
cmp_ok(scalar @rows, '>', 30, 'there are reasons');

my $protocol = text_of(source('docs/protocol.md'));
my ($reasons) = $protocol =~ /^## The reasons\n(.*?)^## /ms;
is(join("\n", map { join ' ', /`(\w+)` \| (\d+) \| (\S+)/ }
              $reasons =~ /^\| (`\w+` .*)$/mg), join("\n", @rows),
   'docs/protocol.md: reasons, their status and ErrorCode, in order');

my ($by) = text_of(source('docs/troubleshooting.md'))
    =~ /^## Requests are refused: by reason\n(.*)/ms;
my %by = map { $_ => 1 } map { /`(\w+)`/g } $by =~ /^\| ([^|]*) \|/mg;
is(join(' ', grep { !$by{$_} && $_ ne 'ok' } map { /^(\w+)/ } @rows), '',
   'docs/troubleshooting.md: what to do about each');

done_testing();
