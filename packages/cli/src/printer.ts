/**
 * What the command says: results on stdout, everything else on stderr, so that a pipe carries results only.
 *
 * With `--json` a result is one JSON document, or one line per item of a stream. Colour only where a terminal
 * shows it and NO_COLOR does not forbid it.
 */
import { styleText } from 'node:util'
import type { EndpointState } from '@berth/contract'

export type Style = Parameters<typeof styleText>[0]

export class Printer {
  readonly json: boolean

  constructor(json: boolean) {
    this.json = json
  }

  /** The one result of a command. */
  result(document: unknown, forPeople: () => string): void {
    const text = this.json ? JSON.stringify(document, undefined, 2) : forPeople()
    if (text) process.stdout.write(`${text}\n`)
  }

  /** One item of a result that comes as a stream. */
  item(document: unknown, forPeople: () => string): void {
    process.stdout.write(this.json ? `${JSON.stringify(document)}\n` : forPeople())
  }

  /** Something worth knowing that is not the result. */
  note(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  /** For stdout. */
  styled(style: Style, text: string): string {
    return styleText(style, text, { stream: process.stdout, validateStream: true })
  }

  state(state: EndpointState): string {
    return this.styled(stateStyle(state), state)
  }
}

function stateStyle(state: EndpointState): Style {
  switch (state) {
    case 'running':
      return 'green'
    case 'failed':
    case 'updateFailed':
      return 'red'
    case 'pending':
    case 'initializing':
    case 'updating':
      return 'yellow'
    case 'paused':
    case 'scaledToZero':
      return 'gray'
    default:
      return state satisfies never
  }
}

/** A moving line or a question needs a person at a terminal, and no wish for JSON. */
export const isInteractive = (json: boolean) => !json && process.stdin.isTTY && process.stderr.isTTY
