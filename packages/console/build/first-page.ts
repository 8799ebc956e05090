/**
 * A Vite plugin: the document names the console's fonts, so that they come with its scripts and not after them, and the
 * text that is drawn first is not drawn again in another face.
 */
import type { HtmlTagDescriptor, Plugin } from 'vite'

export function firstPage(): Plugin {
  return {
    name: 'first-page',
    transformIndexHtml: {
      order: 'post',
      handler: (_html, { bundle = {} }): HtmlTagDescriptor[] =>
        Object.keys(bundle)
          .filter((name) => /geist-latin.*\.woff2$/.test(name))
          .map((name) => ({
            tag: 'link',
            attrs: { rel: 'preload', as: 'font', type: 'font/woff2', crossorigin: '', href: `/${name}` },
            injectTo: 'head',
          })),
    },
  }
}
