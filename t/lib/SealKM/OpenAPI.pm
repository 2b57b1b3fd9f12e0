package SealKM::OpenAPI;

# docs/openapi.yaml, as t/openapi/openapi.mjs reads it.
#
#     openapi('lint', [ $file, ... ], @lines)   what it says; lines are made JSON
#     openapi_lines('examples', @lines)         the same in lines, of the description
#     answer_headers($response)                 as "validate" takes them
#     node($program, [ @args ], -in => 'text', -env => {...})    any other program

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use SealKM::JSON;
use SealKM::Tool;

our @EXPORT = qw(openapi openapi_lines answer_headers node);


sub node {
    my ($program, $args, @more) = @_;
    return run([ $ENV{SEAL_KM_NODE} || 'node', source($program), @$args ], @more);
}


sub openapi {
    my ($command, $files, @lines) = @_;
    my $folder = abs_path($ENV{SEAL_KM_OPENAPI} || 'build/openapi');

    return node('t/openapi/openapi.mjs', [ $folder, $command, @$files ],
                -in => join '', map { to_json($_) . "\n" } @lines);
}


sub openapi_lines {
    my ($command, @lines) = @_;
    my $run = openapi($command, [ source('docs/openapi.yaml') ], @lines);

    die "$command: $run->{out}$run->{err}\n" if $run->{status};
    return split /\n/, $run->{out}, -1;
}


sub answer_headers {
    my ($res) = @_;
    return { map { lc $_ => $res->header($_) } map { $_->[0] } @{ $res->{headers} } };
}


1;
