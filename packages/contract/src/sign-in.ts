/** Signing in to the console without typing a token: a code that is used once. */
import { z } from 'zod'
import { Timestamp } from './names.ts'

export const SignInCode = z.object({
  code: z.string(),
  expiresAt: Timestamp.meta({ description: 'When it can no longer be used.' }),
  url: z
    .string()
    .meta({ description: 'The console, with the code behind the # that browsers send to nobody.' }),
})
export type SignInCode = z.infer<typeof SignInCode>

export const SignIn = z.strictObject({ code: z.string().min(1).max(100) })
