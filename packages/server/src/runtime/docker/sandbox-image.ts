/**
 * An image of a few hundred bytes whose only program waits for ever: what a sandbox runs. It is made here, so that no
 * registry is asked for it.
 */

/** The architectures that a sandbox has a program for, as daemons name them. */
export type SandboxArchitecture = 'amd64' | 'arm64'

export const SANDBOX_PROGRAM = '/wait'

export const isSandboxArchitecture = (name: string | undefined): name is SandboxArchitecture =>
  name === 'amd64' || name === 'arm64'

/** Of ELF: `e_machine` of the System V ABI for each, and its code, which asks the kernel again whenever it answers. */
const MACHINES: Readonly<Record<SandboxArchitecture, { readonly machine: number; readonly code: Buffer }>> = {
  // again: mov eax, 34 (pause); syscall; jmp again
  amd64: { machine: 62, code: Buffer.from('b8220000000f05ebf7', 'hex') },
  // again: mov x0…x3, 0; mov x8, 73 (ppoll, of nothing and without an end); svc 0; b again
  arm64: {
    machine: 183,
    code: words(0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003, 0xd2800928, 0xd4000001, 0x17fffffa),
  },
}
const FILE_HEADER_BYTES = 64
const PROGRAM_HEADER_BYTES = 56
const HEADER_BYTES = FILE_HEADER_BYTES + PROGRAM_HEADER_BYTES
const LOADED_AT = 0x400000
/** The largest page that a kernel of either architecture may have. */
const ALIGNMENT = 0x10000
const EXECUTABLE = 2
const CURRENT_VERSION = 1
const LOADABLE = 1
const READ_AND_EXECUTE = 5

/** A static program as an ELF file of 64 bits: the two headers, then the code. */
export function waitProgram(architecture: SandboxArchitecture): Buffer {
  const { machine, code } = MACHINES[architecture]
  const file = Buffer.alloc(HEADER_BYTES)
  // The magic, 64 bits, least significant byte first, version 1.
  file.write('7f454c46020101', 'hex')
  file.writeUInt16LE(EXECUTABLE, 16)
  file.writeUInt16LE(machine, 18)
  file.writeUInt32LE(CURRENT_VERSION, 20)
  file.writeBigUInt64LE(BigInt(LOADED_AT + HEADER_BYTES), 24)
  file.writeBigUInt64LE(BigInt(FILE_HEADER_BYTES), 32)
  file.writeUInt16LE(FILE_HEADER_BYTES, 52)
  file.writeUInt16LE(PROGRAM_HEADER_BYTES, 54)
  file.writeUInt16LE(1, 56)
  const program = file.subarray(FILE_HEADER_BYTES)
  const size = BigInt(HEADER_BYTES + code.length)
  program.writeUInt32LE(LOADABLE, 0)
  program.writeUInt32LE(READ_AND_EXECUTE, 4)
  for (const at of [16, 24]) program.writeBigUInt64LE(BigInt(LOADED_AT), at)
  for (const at of [32, 40]) program.writeBigUInt64LE(size, at)
  program.writeBigUInt64LE(BigInt(ALIGNMENT), 48)
  return Buffer.concat([file, code])
}

const BLOCK_BYTES = 512

/** The image's files, as the tar archive (ustar) of POSIX that a daemon imports. */
export function sandboxArchive(architecture: SandboxArchitecture): Buffer {
  const program = waitProgram(architecture)
  const header = Buffer.alloc(BLOCK_BYTES)
  const octal = (value: number, at: number, digits: number) =>
    header.write(value.toString(8).padStart(digits, '0'), at)
  header.write(SANDBOX_PROGRAM.slice(1), 0)
  octal(0o755, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(program.length, 124, 11)
  octal(0, 136, 11)
  header.write('        0', 148)
  header.write('ustar\0' + '00', 257)
  const sum = header.reduce((all, byte) => all + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = -program.length & (BLOCK_BYTES - 1)
  return Buffer.concat([header, program, Buffer.alloc(padding + 2 * BLOCK_BYTES)])
}

function words(...instructions: readonly number[]): Buffer {
  const code = Buffer.alloc(4 * instructions.length)
  instructions.forEach((instruction, i) => void code.writeUInt32LE(instruction, 4 * i))
  return code
}
