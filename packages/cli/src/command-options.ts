/** Options that several commands share, and how repeated ones are collected. */
import type { Command } from 'commander'
import { usageError } from './exit.ts'
import { withLimitFlags } from './limit-flags.ts'
import { withRouterFlags } from './router-flags.ts'
import { withServingFlags } from './serving-flags.ts'

export const collect = (value: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), value]

export function wholeNumber(flag: string): (text: string) => number {
  return (text) => {
    if (!/^\d{1,9}$/.test(text)) throw usageError(`${flag} is "${text}": write a whole number.`)
    return Number(text)
  }
}

export const NAME = '[namespace/]name'

/** A command about one namespace, or about an endpoint named without one. */
export function withNamespace(command: Command): Command {
  return command.option('-n, --namespace <namespace>', 'user or organisation (default: your own)')
}

export function withEndpointFlags(command: Command): Command {
  return withRouterFlags(withServingFlags(withLimitFlags(command)))
    .option('--engine <engine>', 'auto, llamacpp, echo, …; auto lets Berth choose')
    .option('--file <file>', 'GGUF file of the repository, a glob, or a quantisation such as Q4_K_M')
    .option('--revision <revision>', 'branch, tag or commit of the model')
    .option('--task <task>', 'what the model is for, such as text-generation; left out, as it says itself')
    .option('--min <replicas>', 'fewest replicas; 0 allows scaling to zero')
    .option('--max <replicas>', 'most replicas')
    .option('--idle <time>', 'scale to zero after this: minutes, or 30s, 10m, 2h, never')
    .option('--scale-on <measure>', 'pending=1.5, cpu=80, or slo=ttft:2s,itl:100ms[,per-token:1ms][,of:95%]')
    .option('--strict', 'one replica more at a time, instead of as many as are needed')
    .option('--no-strict', 'as many as are needed (default)')
    .option('--schedule <line>', 'keep warm: "Mon-Fri 8-18 2 Europe/Paris"; repeatable', collect)
    .option('--max-cost-per-hour <amount>', 'never more replicas than cost this much; none for no ceiling')
    .option('--instance <type/size>', 'hardware of a replica, for example cpu/x2, or its id')
    .option('--access <access>', 'who may call it: public, authenticated or private')
    .option('--env <KEY=VALUE>', 'environment of the engine; repeatable', collect)
    .option(
      '--secret <KEY[=VALUE]>',
      'secret; without a value, taken from your environment; repeatable',
      collect,
    )
    .option(
      '--adapter <name=repository[@revision]>',
      'LoRA adapter beside the model, called as namespace/endpoint:name; repeatable',
      collect,
    )
    .option('--ctx <tokens>', 'context size over all slots')
    .option('--parallel <requests>', 'requests decoded at the same time')
    .option(
      '--set <setting=value>',
      'another setting of the engine, as the API names it; repeatable',
      collect,
    )
    .option('--arg <argument>', 'argument for the engine, as it is; repeatable', collect)
    .option(
      '--routing <policy>',
      'auto, prefix-affinity, least-tokens, least-requests or round-robin; auto suits the engine',
    )
    .option('--requests-per-replica <number>', 'further ones wait in the gateway; auto: as the engine takes')
    .option('--tag <tag>', 'tag; repeatable', collect)
}

export function withWait(command: Command): Command {
  return command.option('--wait', 'wait until it serves (default)', true).option('--no-wait', 'do not wait')
}
