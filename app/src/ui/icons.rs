//! Inline SVGs, which need no request and no font, and have the text's colour.

use leptos::prelude::*;

/// A line drawing of 24 by 24 units, named after what it shows.
#[derive(Clone, Copy)]
pub(super) enum Icon {
    Register,
    Person,
    Rules,
    Payments,
    Window,
    Plug,
}

impl Icon {
    /// The drawing as SVG path data.
    fn path(self) -> &'static str {
        match self {
            Self::Register => "M4 4h16v16H4zM4 9.5h16M4 14.75h16M9.5 9.5V20",
            Self::Person => {
                "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5a7.5 7.5 0 0 1 15 0M16.5 16.5l2 2 3.5-4"
            }
            Self::Rules => "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5",
            Self::Payments => "M3 8h14l-3.5-3.5M21 16H7l3.5 3.5",
            Self::Window => "M3.5 5h17v14h-17zM3.5 9.5h17M6.5 7.25h.01M9 7.25h.01M7 13h6M7 16h3.5",
            Self::Plug => "M8 8 4 12l4 4M16 8l4 4-4 4M13.5 5l-3 14",
        }
    }
}

/// Draws `icon` for sighted visitors only.
pub(super) fn icon(icon: Icon) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
            <path d=icon.path()></path>
        </svg>
    }
}

/// The company's mark: three layers of a stack.
pub(super) fn mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
            <rect class="mark-tile" width="32" height="32" rx="7"></rect>
            <path class="mark-top" d="m16 6.5 9 4.5-9 4.5L7 11z"></path>
            <path class="mark-line" d="m7 16 9 4.5 9-4.5M7 21l9 4.5 9-4.5"></path>
        </svg>
    }
}

/// The hero's drawing: the layers between an asset and its investors.
pub(super) fn layers() -> impl IntoView {
    view! {
        <svg
            class="layers"
            viewBox="0 0 520 424"
            role="img"
            aria-label="Four layers: the asset at the base, a legal vehicle on top of it, then the register, and the investors above."
        >
            <path class="layers-thread" d="M27 92v240M313 92v240"></path>
            {LAYERS
                .iter()
                .map(|layer| {
                    let tilt = |y: u16| format!("matrix(.75 .31 -.75 .31 170 {y})");
                    view! {
                        <g class=format!("layer layer-{}", layer.name)>
                            <g transform=tilt(layer.y + 13)>
                                <rect
                                    class="layer-edge"
                                    x="-100"
                                    y="-100"
                                    width="200"
                                    height="200"
                                    rx="18"
                                ></rect>
                            </g>
                            <g transform=tilt(layer.y)>
                                <rect
                                    class="layer-face"
                                    x="-100"
                                    y="-100"
                                    width="200"
                                    height="200"
                                    rx="18"
                                ></rect>
                                <path class="layer-drawing" d=layer.drawing></path>
                            </g>
                            <path class="layer-lead" d=format!("M319 {}h29", layer.y)></path>
                            <text x="358" y=(layer.y + 7).to_string()>
                                {layer.label}
                            </text>
                        </g>
                    }
                })
                .collect_view()}
        </svg>
    }
}

struct Layer {
    name: &'static str,
    label: &'static str,
    /// The vertical position of the layer's centre.
    y: u16,
    /// The path data within the layer's square, from -100 to 100.
    drawing: &'static str,
}

/// Drawn from the bottom up, because later layers cover earlier ones.
const LAYERS: [Layer; 4] = [
    Layer {
        name: "asset",
        label: "Asset",
        y: 332,
        drawing: "M-55-55h110v110h-110zM-55 0h110M0-55v110",
    },
    Layer {
        name: "vehicle",
        label: "Legal vehicle",
        y: 252,
        drawing: "M-60-50h120M-60-17h120M-60 17h120M-60 50h60",
    },
    Layer {
        name: "register",
        label: "Register",
        y: 172,
        drawing: "M-65-65h130v130h-130zM-65-22h130M-65 22h130M-22-65v130M22-65v130",
    },
    Layer {
        name: "investors",
        label: "Investors",
        y: 92,
        drawing: "M-45-60a15 15 0 1 0 .1 0zM50-45a15 15 0 1 0 .1 0zM-50 35a15 15 0 1 0 .1 0zM45 45a15 15 0 1 0 .1 0z\
                  M-30-45l65 12M-46-30l-3 65M-35 50l65 9M49-15l-3 60",
    },
];
