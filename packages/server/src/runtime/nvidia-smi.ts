/** Asks the driver of NVIDIA's GPUs through its own program. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * @param fields as the program names them, for example `memory.used`.
 * @returns what the program prints: a line for each GPU, memory in MiB.
 * @throws what `execFile` throws, also when there is no answer in time.
 */
export async function queryGpus(
  program: string,
  fields: readonly string[],
  timeoutMs: number,
): Promise<string> {
  const query = [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits']
  const options = { timeout: timeoutMs, killSignal: 'SIGKILL' } as const
  return (await promisify(execFile)(program, query, options)).stdout
}

/** Three whole numbers of each line; a GPU that says `[N/A]` to one of them is left out. */
export function numbersIn(csv: string): readonly (readonly [number, number, number])[] {
  return csv
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .flatMap(([first = '', second = '', third = '']) =>
      [first, second, third].every((field) => /^\d+$/.test(field))
        ? [[Number(first), Number(second), Number(third)] as const]
        : [],
    )
}
