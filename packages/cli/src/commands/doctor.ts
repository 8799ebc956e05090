/** `berth doctor`: what this machine can run, what is missing, and how to get it. */
import type { Command } from 'commander'
import { examineMachine, type Finding } from '../examine-machine.ts'
import { EXIT, SilentExit } from '../exit.ts'
import { Printer } from '../printer.ts'
import { readServeSettings, type ServeFlags } from '../serve-settings.ts'
import type { GlobalFlags } from '../session.ts'

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check what this machine can run and what is missing')
    .option('--port <number>', 'port that `berth serve` would take (BERTH_PORT, default 8080)')
    .option('--host <address>', 'address that `berth serve` would take (BERTH_HOST, default 127.0.0.1)')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ServeFlags & GlobalFlags>()
      const findings = await examineMachine(readServeSettings(flags, process.env), process.env)
      const missing = findings.filter(({ level }) => level === 'missing').length
      const printer = new Printer(flags.json ?? false)
      printer.result({ ok: missing === 0, findings }, () => report(findings, printer))
      if (missing > 0) throw new SilentExit(EXIT.failed)
    })
}

function report(findings: readonly Finding[], printer: Printer): string {
  const width = Math.max(...findings.map(({ about }) => about.length))
  const lines = findings.flatMap(({ level, about, message, remedy }) => [
    `${mark(level, printer)} ${about.padEnd(width)}  ${message}`,
    ...(remedy ? [`${' '.repeat(width + 4)}${remedy}`] : []),
  ])
  const missing = findings.filter(({ level }) => level === 'missing').length
  return [
    ...lines,
    '',
    missing === 0
      ? 'Berth can run here: `berth serve`.'
      : `${missing} of these must be mended before Berth can run.`,
  ].join('\n')
}

function mark(level: Finding['level'], printer: Printer): string {
  switch (level) {
    case 'fine':
      return printer.styled('green', '✔')
    case 'note':
      return printer.styled('yellow', '•')
    case 'missing':
      return printer.styled('red', '✘')
    default:
      return level satisfies never
  }
}
