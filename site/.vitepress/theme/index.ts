import DefaultTheme from "vitepress/theme"
import TextDrawing from "./TextDrawing.vue"

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }: { readonly app: import("vue").App }) => {
    app.component("TextDrawing", TextDrawing)
  }
}
