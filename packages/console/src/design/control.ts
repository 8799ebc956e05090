/** How everything looks that is typed into or chosen from. */
export const CONTROL =
  'h-8 min-w-0 rounded-md border border-line-field bg-surface px-2.5 text-sm text-ink transition-colors pointer-coarse:h-10 pointer-coarse:text-lg ' +
  'hover:border-ink focus-visible:border-focus focus-visible:outline-1 focus-visible:outline-offset-0 ' +
  'data-[invalid]:border-bad aria-invalid:border-bad disabled:opacity-50'
